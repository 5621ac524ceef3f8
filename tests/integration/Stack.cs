using StreamSettlement.Contracts;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests;

/// <summary>
/// The whole pipeline for one end-to-end test: a broker and the three services as child processes, against fresh databases of the shared
/// servers. A service that is null is not running; <c>stack.Aggregator.Process.KillAsync()</c> is kill -9.
/// <code>
/// await using var stack = await Stack.StartAsync(servers);
/// await stack.Source.ExecuteAsync("insert into member …");
/// using var response = await stack.Api.PostAsync("/days/2026-11-21/end", null);
/// </code>
/// </summary>
internal sealed class Stack : IAsyncDisposable
{
    // The same after a restart.
    private readonly int apiPort = LoopbackPorts.Next();

    private readonly Stack? sharedWith;
    private readonly string? topicPrefix;

    private Stack(
        StateDirectory state, MySqlDatabase source, PostgresDatabase postgres, IReadOnlyDictionary<string, string> environment, Stack? sharedWith, string? topicPrefix)
    {
        (State, Source, Postgres, Environment, this.sharedWith, this.topicPrefix) = (state, source, postgres, environment, sharedWith, topicPrefix);
        Api = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{apiPort}") };
    }

    public StateDirectory State { get; }

    public MySqlDatabase Source { get; }

    public PostgresDatabase Postgres { get; }

    public IReadOnlyDictionary<string, string> Environment { get; }

    /// <summary>Prefix of every topic, group and client id.</summary>
    public string TopicPrefix => topicPrefix ?? Broker.TopicPrefix;

    public Topics Topics => new(TopicPrefix);

    public TestBroker Broker { get; private set; } = null!;

    public ServiceProcess? Ingest { get; set; }

    public ServiceProcess? Aggregator { get; set; }

    public ServiceProcess? Settlement { get; set; }

    /// <summary>Client of the settlement service.</summary>
    public HttpClient Api { get; }

    public ServiceSettings Settings => new(Broker.Bootstrap, Source.IngestConnectionString, Postgres.ConnectionString) { TopicPrefix = TopicPrefix, Environment = Environment };

    /// <param name="environment">For all services, by the names that they read: <c>Ingest__SafetyLag</c>.</param>
    /// <param name="services">False for the broker and the databases alone; the test starts services itself.</param>
    /// <param name="ownBroker">Whether the test stops the broker, or looks at all that is in it.</param>
    /// <param name="topicPrefix">Prefix of every topic, group and client id; null for the broker's.</param>
    /// <param name="sharedWith">A stack whose broker and source this one uses too; null for its own.</param>
    public static async Task<Stack> StartAsync(
        Servers servers, IReadOnlyDictionary<string, string>? environment = null, bool services = true, bool ownBroker = false, string? topicPrefix = null,
        Stack? sharedWith = null)
    {
        var stack = new Stack(servers.NewStateDirectory(), sharedWith?.Source ?? await servers.NewSourceDatabaseAsync(), await servers.NewPostgresDatabaseAsync(),
            environment ?? new Dictionary<string, string>(), sharedWith, topicPrefix);
        try
        {
            stack.Broker = sharedWith?.Broker ?? await TestBroker.StartAsync(servers, stack.State, ownBroker);
            if (services) await stack.StartServicesAsync();
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
        return stack;
    }

    /// <summary>Starts those of the three services that are not running, and waits until they are ready.</summary>
    public async Task StartServicesAsync()
    {
        // All at once: one may wait for what another creates.
        Aggregator ??= ServiceProcess.Aggregator(Settings, State, TimeProvider.System);
        Ingest ??= ServiceProcess.Ingest(Settings, State, TimeProvider.System);
        Settlement ??= ServiceProcess.Settlement(Settings, State, TimeProvider.System, apiPort);
        await ServiceProcess.WaitUntilReadyAsync([Aggregator, Ingest, Settlement], TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var service in new[] { Settlement, Ingest, Aggregator })
            if (service is not null) await service.DisposeAsync();
        if (sharedWith is null && Broker is not null) await Broker.DisposeAsync();
        Api.Dispose();
        LoopbackPorts.Return(apiPort);
        if (sharedWith is null) await Source.DisposeAsync();
        await Postgres.DisposeAsync();
    }
}
