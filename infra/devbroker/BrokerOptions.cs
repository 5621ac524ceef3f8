namespace StreamSettlement.DevBroker;

/// <summary>The command line and the fixed limits.</summary>
internal sealed record BrokerOptions
{
    public const string Usage = """
        usage: StreamSettlement.DevBroker --data DIR [--listen ADDRESS:PORT] [--advertise HOST:PORT] [--auto-create-topics]
          --data DIR             where topics and offsets are kept; created when missing
          --listen ADDRESS:PORT  default 127.0.0.1:9092; port 0 takes a free one, printed as '[501] listening on ...'
          --advertise HOST:PORT  what clients are told to connect to; default: the listening address
          --auto-create-topics   create a topic, one partition, when a client's metadata request allows it
        """;

    public required string DataDirectory { get; init; }

    /// <summary>Default 127.0.0.1:9092.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 9092);

    /// <summary>What metadata tells clients to connect to; null = the listening address.</summary>
    public DnsEndPoint? Advertise { get; init; }

    public bool AutoCreateTopics { get; init; }

    /// <summary>Bytes of one request; a longer one closes its connection. Room for the largest batch. Default 17 MiB.</summary>
    public int RequestBytesMax { get; init; } = RecordBatch.SizeMax + (1 << 20);

    /// <returns>The options, or what is wrong.</returns>
    public static (BrokerOptions? Options, string? Error) Parse(string[] args)
    {
        var options = new BrokerOptions { DataDirectory = "" };
        for (var i = 0; i < args.Length; i++)
        {
            var name = args[i];
            if (name == "--auto-create-topics")
            {
                options = options with { AutoCreateTopics = true };
                continue;
            }
            if (name is not ("--data" or "--listen" or "--advertise")) return (null, $"unknown option '{name}'");
            if (++i == args.Length) return (null, $"{name} needs a value");
            var value = args[i];
            if (name == "--data") options = options with { DataDirectory = value };
            else if (name == "--listen" && IPEndPoint.TryParse(value, out var listen) && value.Contains(':')) options = options with { Listen = listen };
            else if (name == "--advertise" && ParseHost(value) is { } host) options = options with { Advertise = host };
            else
            {
                var expected = name == "--listen" ? "ADDRESS:PORT such as 127.0.0.1:9092" : "HOST:PORT such as kafka.local:9092";
                return (null, $"{name} '{value}': expected {expected}");
            }
        }
        return options.DataDirectory.Length == 0
            ? (null, "--data DIR is missing")
            : (options with { DataDirectory = Path.GetFullPath(options.DataDirectory) }, null);
    }

    private static DnsEndPoint? ParseHost(string text)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0
            && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port > 0
                ? new DnsEndPoint(text[..colon], port)
                : null;
    }
}
