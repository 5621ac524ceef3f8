using System.Globalization;
using System.Net.Sockets;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>A server of the Kafka protocol as a child process: the development broker or Apache Kafka.</summary>
internal abstract class KafkaBroker : StackPart
{
    /// <summary>Of the process, whichever product it is.</summary>
    public const string Name = "broker";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    protected KafkaBroker(ChildCommand command, int port, bool ownsPort, StateDirectory state, TimeProvider time)
        : base(command, port, ownsPort, state, time)
    {
    }

    /// <summary>host:port</summary>
    public string Bootstrap => AddressOf(Port);

    /// <summary>For a person.</summary>
    public abstract string Description { get; }

    /// <param name="kafkaHome">Folder of an Apache Kafka distribution, with libs/; null for the development broker.</param>
    /// <param name="port">To come back at the address that clients know; null for any free one.</param>
    /// <exception cref="PrerequisiteException">The folder holds no Kafka, or Java is missing, or one of them is too old.</exception>
    /// <exception cref="DevStackException">It did not start; the message says why.</exception>
    public static async Task<KafkaBroker> StartAsync(string? kafkaHome, StateDirectory state, TimeProvider time, CancellationToken token, int? port = null) =>
        kafkaHome is null
            ? await DevBrokerServer.StartAsync(state, time, token, port)
            : await ApacheKafkaServer.StartSingleAsync(kafkaHome, state, time, token, port);

    /// <summary>Removes topics and groups of either product; nothing may be running.</summary>
    public static void DeleteData(StateDirectory state)
    {
        foreach (var data in new[] { DevBrokerServer.Data, ApacheKafkaServer.Data }) Directory.Delete(state.DataDirectory(data), recursive: true);
    }

    /// <summary>Whether a process of this name is a broker: those of a cluster bear a number behind it.</summary>
    public static bool IsName(string process) => process == Name || process.StartsWith(Name + "-", StringComparison.Ordinal);

    protected static string AddressOf(int port) => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");

    // Asked over the protocol itself: a listening port alone could be anybody's, and Kafka listens before it can make a topic.
    protected override async Task<string?> NotReadyAsync(CancellationToken token)
    {
        try
        {
            using (var probe = new TcpClient()) await probe.ConnectAsync("127.0.0.1", Port, token);
            using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Bootstrap })
                .SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
            admin.GetMetadata(Patience);
            await admin.CreateTopicsAsync([new TopicSpecification { Name = "could-be-made", NumPartitions = 1, ReplicationFactor = -1 }],
                new CreateTopicsOptions { ValidateOnly = true, RequestTimeout = Patience, OperationTimeout = Patience });
            return null;
        }
        catch (Exception e) when (e is KafkaException or SocketException)
        {
            return $"{Bootstrap}: {e.Message}";
        }
    }
}
