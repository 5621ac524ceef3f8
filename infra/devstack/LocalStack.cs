using StreamSettlement.DevStack.Processes;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.DevStack;

/// <summary>How a stack differs from the default.</summary>
internal sealed record LocalStackSettings
{
    /// <summary>Ports that are taken when free; otherwise any. Null: any.</summary>
    public (int Settlement, int Ingest, int Aggregator, int Kafka)? PreferredPorts { get; init; }

    /// <summary>For all three services, by the names that they read: <c>Ingest__SafetyLag</c>.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
}

/// <summary>The whole stack on this machine: MariaDB, PostgreSQL, broker, then the three services; stopped the other way round.</summary>
internal sealed class LocalStack : IAsyncDisposable
{
    public const string SourceDatabase = "platform";
    public const string RollupDatabase = "settlement";

    private const int RestartsMax = 5;

    private readonly StackLock stackLock;
    private readonly LocalStackSettings settings;
    private readonly TimeProvider time;
    private MariaDbServer? mariaDb;
    private PostgresServer? postgres;
    private BrokerProcess? broker;
    private bool detached;

    private LocalStack(StateDirectory state, StackLock stackLock, LocalStackSettings settings, TimeProvider time) =>
        (State, this.stackLock, this.settings, this.time) = (state, stackLock, settings, time);

    public StateDirectory State { get; }

    /// <summary>The source, as its owner.</summary>
    public MySqlDatabase Source { get; private set; } = null!;

    public PostgresDatabase Rollup { get; private set; } = null!;

    public BrokerProcess Broker => broker ?? throw new InvalidOperationException("the servers have not been started");

    public ServiceProcess? Ingest { get; private set; }

    public ServiceProcess? Aggregator { get; private set; }

    public ServiceProcess? Settlement { get; private set; }

    /// <summary>Starts MariaDB, PostgreSQL and the broker; what a crashed run left running is stopped first.</summary>
    /// <param name="report">Receives a line for a person per step.</param>
    /// <exception cref="DevStackException">Another process runs this stack, or something did not start.</exception>
    public static async Task<LocalStack> StartServersAsync(StateDirectory state, LocalStackSettings settings, Action<string> report, TimeProvider time, CancellationToken token)
    {
        var stackLock = StackLock.TryTake(state)
            ?? throw new DevStackException($"A stack is already running from {state.Root} ({StackLock.Describe(StackLock.Owner(state))}). Stop it with ./settlement down.");
        var stack = new LocalStack(state, stackLock, settings, time);
        try
        {
            var leftovers = await Leftovers.StopAsync(state, time);
            StackEndpoints.Remove(state);
            if (leftovers.Count > 0) report($"stopped what an earlier run had left: {string.Join(", ", leftovers)}");
            await stack.StartServersAsync(report, token);
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
        return stack;
    }

    /// <summary>Starts the three services side by side and waits until all are ready.</summary>
    public async Task StartServicesAsync(Action<string> report, CancellationToken token)
    {
        var services = Services;
        var ports = settings.PreferredPorts;
        // The aggregator is ready once ingest has made the topics, settlement once the aggregator has made its schema. Ingest comes
        // last: it reads from its first moment on, and a process that starts takes a core from it for seconds.
        Aggregator = ServiceProcess.Aggregator(services, State, time, Port(ports?.Aggregator));
        Settlement = ServiceProcess.Settlement(services, State, time, Port(ports?.Settlement));
        await ServiceProcess.WaitUntilReadyAsync([Settlement], token);
        Ingest = ServiceProcess.Ingest(services, State, time, Port(ports?.Ingest));
        await ServiceProcess.WaitUntilReadyAsync([Aggregator, Ingest, Settlement], token);
        report($"the services are ready: settlement {Settlement.Address} ingest {Ingest.Address} aggregator {Aggregator.Address}");
        new StackEndpoints(Settlement.Address, Ingest.Address, Aggregator.Address, Broker.Bootstrap, Source.OwnerConnectionString, Rollup.ConnectionString,
            ServiceProcess.SigningKey(State)).Write(State);
    }

    /// <summary>Returns, with a paragraph for a person, when one of the processes ends though nobody stopped it.</summary>
    public async Task<string> FailureAsync(CancellationToken token) => await (await AnyExitAsync(token)).DescribeExitAsync();

    /// <summary>
    /// Starts a service or the broker again when it ends though nobody stopped it, on the same address. A database server that ends, or a
    /// process that ends for the <see cref="RestartsMax"/>th time within a minute, is past helping.
    /// </summary>
    /// <exception cref="DevStackException">Past helping; the message holds the end of the log.</exception>
    /// <exception cref="OperationCanceledException">The only other way out.</exception>
    public async Task SuperviseAsync(Action<string> report, CancellationToken token)
    {
        var restarts = new Queue<long>();
        while (true)
        {
            var exited = await AnyExitAsync(token);
            var description = await exited.DescribeExitAsync();
            while (restarts.TryPeek(out var oldest) && time.GetElapsedTime(oldest) > TimeSpan.FromMinutes(1)) restarts.Dequeue();
            if (exited == mariaDb?.Process || exited == postgres?.Process || restarts.Count == RestartsMax) throw new DevStackException(description);
            report(description);
            restarts.Enqueue(time.GetTimestamp());
            await RestartAsync(exited, token);
            report($"{exited.Name} runs again");
        }
    }

    /// <summary>Disposing leaves everything running from now on; <c>./settlement down</c> stops it.</summary>
    public void Detach() => detached = true;

    /// <summary>Stops services, broker and servers, in this order.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!detached)
        {
            foreach (var service in new[] { Ingest, Aggregator, Settlement })
                if (service is not null) await service.DisposeAsync();
            if (broker is not null) await broker.DisposeAsync();
            await Task.WhenAll(mariaDb?.DisposeAsync().AsTask() ?? Task.CompletedTask, postgres?.DisposeAsync().AsTask() ?? Task.CompletedTask);
            StackEndpoints.Remove(State);
        }
        stackLock.Dispose();
    }

    /// <summary>
    /// Stops whatever runs from <paramref name="state"/>: asks the process that owns it, then stops what is left.
    /// </summary>
    /// <returns>False when nothing ran.</returns>
    /// <exception cref="DevStackException">The owner does not stop.</exception>
    public static async Task<bool> StopAsync(StateDirectory state, TimeProvider time)
    {
        var owner = StackLock.Owner(state);
        // Never killed: it is stopping its children, which takes as long as MariaDB takes to write its pages.
        if (owner is not null && !await owner.AskToStopAsync(TimeSpan.FromMinutes(3), time))
            throw new DevStackException($"{StackLock.Describe(owner)} has not stopped within three minutes. Its logs: {state.LogDirectory}");
        using var stackLock = StackLock.TryTake(state)
            ?? throw new DevStackException($"{StackLock.Describe(StackLock.Owner(state))} has just started to use {state.Root}. Try again.");
        var leftovers = await Leftovers.StopAsync(state, time);
        StackEndpoints.Remove(state);
        return owner is not null || leftovers.Count > 0;
    }

    private static int? Port(int? preferred) => preferred is null ? null : LoopbackPorts.Next(preferred);

    private ServiceSettings Services => new(Broker.Bootstrap, Source.IngestConnectionString, Rollup.ConnectionString) { Environment = settings.Environment };

    private async Task RestartAsync(ChildProcess exited, CancellationToken token)
    {
        if (exited == broker?.Process)
        {
            var port = broker.Port;
            await broker.DisposeAsync();
            broker = await BrokerProcess.StartAsync(State, time, token, port);
        }
        else if (exited == Ingest?.Process) Ingest = await ReplacedAsync(Ingest, port => ServiceProcess.Ingest(Services, State, time, port));
        else if (exited == Aggregator?.Process) Aggregator = await ReplacedAsync(Aggregator, port => ServiceProcess.Aggregator(Services, State, time, port));
        else if (exited == Settlement?.Process) Settlement = await ReplacedAsync(Settlement, port => ServiceProcess.Settlement(Services, State, time, port));

        // Not awaited until ready: while a dependency is down it will not be, and that too has to be noticed here.
        static async Task<ServiceProcess> ReplacedAsync(ServiceProcess old, Func<int, ServiceProcess> start)
        {
            await old.DisposeAsync();
            return start(old.Port);
        }
    }

    private async Task<ChildProcess> AnyExitAsync(CancellationToken token)
    {
        var processes = Processes().ToList();
        await Task.WhenAny([.. processes.Select(process => process.Exited), Task.Delay(Timeout.InfiniteTimeSpan, time, token)]);
        token.ThrowIfCancellationRequested();
        return processes.First(process => process.Exited.IsCompleted);
    }

    /// <summary>All that run: servers, broker, services.</summary>
    public IEnumerable<ChildProcess> Processes() =>
        new[] { mariaDb?.Process, postgres?.Process, broker?.Process, Ingest?.Process, Aggregator?.Process, Settlement?.Process }.OfType<ChildProcess>();

    private async Task StartServersAsync(Action<string> report, CancellationToken token)
    {
        // Each is kept as soon as it runs, so that disposing stops it when another one fails.
        await Task.WhenAll(StartMariaDbAsync(), StartPostgresAsync(), StartBrokerAsync());
        return;

        async Task StartMariaDbAsync()
        {
            mariaDb = await MariaDbServer.StartAsync(State, time, token);
            Source = await mariaDb.SourceDatabaseAsync(SourceDatabase, token);
            report($"MariaDB is ready on 127.0.0.1:{mariaDb.Port}");
        }

        async Task StartPostgresAsync()
        {
            postgres = await PostgresServer.StartAsync(State, time, token);
            Rollup = await postgres.DatabaseAsync(RollupDatabase, token);
            report($"PostgreSQL is ready on 127.0.0.1:{postgres.Port}");
        }

        async Task StartBrokerAsync()
        {
            broker = await BrokerProcess.StartAsync(State, time, token, Port(settings.PreferredPorts?.Kafka));
            report($"the broker is ready on {broker.Bootstrap}");
        }
    }
}
