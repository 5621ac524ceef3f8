using System.Globalization;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>What the three services are told.</summary>
/// <param name="KafkaBootstrap">host:port</param>
/// <param name="MySql">Connection string of the user that ingest is given.</param>
/// <param name="Postgres">Connection string.</param>
internal sealed record ServiceSettings(string KafkaBootstrap, string MySql, string Postgres)
{
    /// <summary>Prefix of every topic, group and client id of the three services.</summary>
    public string TopicPrefix { get; init; } = "";

    /// <summary>On top of those above, by the names that the services read: <c>Ingest__Partitions</c>.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
}

/// <summary>One of the three services as a child process, started but not yet ready.</summary>
internal sealed class ServiceProcess : StackPart
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(10) };

    private ServiceProcess(ChildCommand command, int port, bool ownsPort, StateDirectory state, TimeProvider time)
        : base(command, port, ownsPort, state, time)
    {
    }

    protected override TimeSpan StartPatience => TimeSpan.FromSeconds(90);

    public Uri Address => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}"));

    /// <param name="port">Null for any free one.</param>
    public static ServiceProcess Ingest(ServiceSettings settings, StateDirectory state, TimeProvider time, int? port = null, string name = "ingest") =>
        Start(name, "services/ingest", "Ingest", new Dictionary<string, string>
        {
            ["Ingest__KafkaBootstrap"] = settings.KafkaBootstrap,
            ["Ingest__TopicPrefix"] = settings.TopicPrefix,
            ["Ingest__MySql"] = settings.MySql,
        }, settings, state, time, port);

    /// <param name="port">Null for any free one.</param>
    public static ServiceProcess Aggregator(ServiceSettings settings, StateDirectory state, TimeProvider time, int? port = null, string name = "aggregator") =>
        Start(name, "services/aggregator", "Aggregator", new Dictionary<string, string>
        {
            ["Aggregator__KafkaBootstrap"] = settings.KafkaBootstrap,
            ["Aggregator__TopicPrefix"] = settings.TopicPrefix,
            ["Aggregator__Postgres"] = settings.Postgres,
        }, settings, state, time, port);

    /// <param name="port">Null for any free one.</param>
    public static ServiceProcess Settlement(ServiceSettings settings, StateDirectory state, TimeProvider time, int? port = null, string name = "settlement") =>
        Start(name, "services/settlement", "Settlement", new Dictionary<string, string>
        {
            ["Settlement__KafkaBootstrap"] = settings.KafkaBootstrap,
            ["Settlement__TopicPrefix"] = settings.TopicPrefix,
            ["Settlement__Postgres"] = settings.Postgres,
            ["Settlement__Auth__SigningKey"] = SigningKey(state),
        }, settings, state, time, port);

    /// <summary>Made at first use: the key of the tokens that the settlement service accepts.</summary>
    public static string SigningKey(StateDirectory state) => state.Password("settlement-signing-key");

    /// <summary>Waits until all are ready; the first that cannot be ends the wait.</summary>
    public static async Task WaitUntilReadyAsync(IReadOnlyList<ServiceProcess> services, CancellationToken token)
    {
        await foreach (var ready in Task.WhenEach(services.Select(service => service.WaitUntilReadyAsync(token)))) await ready;
    }

    private static ServiceProcess Start(string name, string project, string assembly, Dictionary<string, string> own, ServiceSettings settings,
        StateDirectory state, TimeProvider time, int? port)
    {
        var listen = port ?? LoopbackPorts.Next();
        var environment = new Dictionary<string, string>(own) { ["ASPNETCORE_URLS"] = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{listen}") };
        foreach (var (key, value) in settings.Environment) environment[key] = value;
        return new ServiceProcess(DotnetCommand.Of(name, Repository.Program(project, assembly), [], environment), listen, ownsPort: port is null, state, time);
    }

    /// <summary>Ready is /health/ready that answers 200.</summary>
    protected override async Task<string?> NotReadyAsync(CancellationToken token)
    {
        try
        {
            using var response = await Http.GetAsync(new Uri(Address, "/health/ready"), token);
            var body = await response.Content.ReadAsStringAsync(token);
            return response.IsSuccessStatusCode ? null : string.Create(CultureInfo.InvariantCulture, $"/health/ready answers {(int)response.StatusCode}: {body}");
        }
        catch (HttpRequestException e)
        {
            return $"{Address}health/ready: {e.Message}";
        }
        catch (TaskCanceledException) when (!token.IsCancellationRequested)
        {
            return $"{Address}health/ready did not answer within {Http.Timeout.TotalSeconds:0} s";
        }
    }
}
