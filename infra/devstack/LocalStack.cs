using System.Collections.Concurrent;
using System.Security.Cryptography;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Processes;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.DevStack;

/// <summary>How a stack differs from the default.</summary>
internal sealed record LocalStackSettings
{
    /// <summary>Ports that are taken when free; otherwise any. Null: any.</summary>
    public (int Settlement, int Ingest, int Aggregator, int Kafka)? PreferredPorts { get; init; }

    /// <summary>Ingests side by side: one reads, the others stand by. Default 1.</summary>
    public int Ingests { get; init; } = 1;

    /// <summary>Aggregators that share the partitions. Default 1.</summary>
    public int Aggregators { get; init; } = 1;

    /// <summary>Default: what the machine has.</summary>
    public ServerChoice Servers { get; init; } = new();

    /// <summary>
    /// Whether the run fills its source and begins from nothing: what it needs on servers that run already it then creates, and removes in
    /// the end. Otherwise it uses there what is named.
    /// </summary>
    public bool FillsSource { get; init; }

    /// <summary>Prefix of every topic, group and client id, for a broker that others use too. Default none.</summary>
    public string TopicPrefix { get; init; } = "";

    /// <summary>For all three services, by the names that they read: <c>Ingest__SafetyLag</c>.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
}

/// <summary>The whole stack: the source's server, PostgreSQL and Kafka, as far as they do not run already, then the three services; stopped the other way round.</summary>
internal sealed class LocalStack : IAsyncDisposable
{
    public const string SourceDatabase = "platform";
    public const string RollupDatabase = "settlement";

    private const int RestartsMax = 5;

    private readonly StackLock stackLock;
    private readonly LocalStackSettings settings;
    private readonly TimeProvider time;
    private readonly List<ServiceProcess> ingests = [];
    private readonly List<ServiceProcess> aggregators = [];
    private readonly ConcurrentDictionary<string, string> servers = new();
    private readonly ConcurrentQueue<Func<Task>> removals = [];
    private SourceServer? source;
    private PostgresServer? postgres;
    private bool detached;

    private LocalStack(StateDirectory state, StackLock stackLock, LocalStackSettings settings, TimeProvider time) =>
        (State, this.stackLock, this.settings, this.time, Topics) = (state, stackLock, settings, time, new Topics(settings.TopicPrefix));

    public StateDirectory State { get; }

    /// <summary>The source, as its owner.</summary>
    public MySqlDatabase Source { get; private set; } = null!;

    public PostgresDatabase Rollup { get; private set; } = null!;

    /// <summary>host:port,…</summary>
    public string Bootstrap { get; private set; } = "";

    /// <summary>Null where it runs on one that was there already.</summary>
    public KafkaBroker? Kafka { get; private set; }

    /// <summary>What the stack runs on, for people: <c>kafka</c>, <c>source</c> and <c>postgres</c>, with versions.</summary>
    public IReadOnlyDictionary<string, string> Servers => servers.OrderBy(server => server.Key, StringComparer.Ordinal).ToDictionary();

    /// <summary>The servers that this stack has started, in the order in which they come back.</summary>
    public IEnumerable<StackPart> OwnServers => ((StackPart?[])[source, postgres, Kafka]).OfType<StackPart>();

    /// <summary>With the prefix of this stack.</summary>
    public Topics Topics { get; private set; }

    /// <summary>The first one.</summary>
    public ServiceProcess? Ingest => ingests.FirstOrDefault();

    /// <summary>The first one.</summary>
    public ServiceProcess? Aggregator => aggregators.FirstOrDefault();

    public IReadOnlyList<ServiceProcess> Ingests => ingests;

    public IReadOnlyList<ServiceProcess> Aggregators => aggregators;

    public ServiceProcess? Settlement { get; private set; }

    /// <summary>Starts the servers that do not run already; what a crashed run left running is stopped first.</summary>
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
        var services = new ServiceSettings(Bootstrap, Source.IngestConnectionString, Rollup.ConnectionString)
        {
            TopicPrefix = Topics.Prefix,
            Environment = settings.Environment,
        };
        var ports = settings.PreferredPorts;
        // The aggregator is ready once ingest has made the topics, settlement once the aggregator has made its schema. Ingest comes
        // last: it reads from its first moment on, and a process that starts takes a core from it for seconds.
        for (var i = 0; i < settings.Aggregators; i++)
            aggregators.Add(ServiceProcess.Aggregator(services, State, time, Port(i == 0 ? ports?.Aggregator : null), Named("aggregator", i)));
        Settlement = ServiceProcess.Settlement(services, State, time, Port(ports?.Settlement));
        await ServiceProcess.WaitUntilReadyAsync([Settlement], token);
        for (var i = 0; i < settings.Ingests; i++)
            ingests.Add(ServiceProcess.Ingest(services, State, time, Port(i == 0 ? ports?.Ingest : null), Named("ingest", i)));
        await ServiceProcess.WaitUntilReadyAsync([.. aggregators, .. ingests, Settlement], token);
        report($"the services are ready: settlement {Settlement.Address} ingest {Addresses(ingests)} aggregator {Addresses(aggregators)}");
        new StackEndpoints(Settlement.Address, Ingest!.Address, Aggregator!.Address, Bootstrap, Source.OwnerConnectionString, Rollup.ConnectionString,
            ServiceProcess.SigningKey(State), Servers, Topics.Prefix).Write(State);

        static string Named(string service, int index) => index == 0 ? service : $"{service}-{index + 1}";
        static string Addresses(IEnumerable<ServiceProcess> several) => string.Join(' ', several.Select(one => one.Address));
    }

    /// <summary>Returns, with a paragraph for a person, when one of the processes ends though nobody stopped it.</summary>
    public async Task<string> FailureAsync(CancellationToken token) => await (await AnyExitAsync(token)).DescribeExitAsync();

    /// <summary>
    /// Starts a service or Kafka again when it ends though nobody stopped it, on the same address. A database server that ends, or a
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
            var part = Parts().First(part => part.Process == exited);
            if (part is SourceServer or PostgresServer || restarts.Count == RestartsMax) throw new DevStackException(description);
            report(description);
            restarts.Enqueue(time.GetTimestamp());
            // A service is not awaited until ready: while a dependency is down it will not be, and that too has to be noticed here.
            await part.StartAgainAsync();
            if (part is KafkaBroker) await part.WaitUntilReadyAsync(token);
            report($"{exited.Name} runs again");
        }
    }

    /// <summary>Disposing leaves everything running from now on; <c>./settlement down</c> stops it.</summary>
    public void Detach() => detached = true;

    /// <summary>Stops services, broker and servers, in this order, each whatever became of the former.</summary>
    /// <exception cref="DevStackException">Some could not be stopped, or not be tidied up after; the others are stopped.</exception>
    public async ValueTask DisposeAsync()
    {
        var failures = new List<Exception>();
        if (!detached)
        {
            var stages = (StackPart?[][])[[.. ingests, .. aggregators, Settlement], [Kafka], [source, postgres]];
            foreach (var stage in stages)
            {
                // Others' servers are left as they were, once no service of ours uses them any more.
                if (stage == stages[1]) await RemoveAsync(failures);
                var stopping = stage.OfType<StackPart>().Select(part => part.DisposeAsync().AsTask()).ToList();
                await Task.WhenAll(stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                failures.AddRange(stopping.SelectMany(stop => stop.Exception?.InnerExceptions ?? []));
            }
            StackEndpoints.Remove(State);
        }
        stackLock.Dispose();
        if (failures.Count > 0)
            throw new DevStackException($"{State.Root}: not everything could be stopped in order: {string.Join("; ", failures.Select(failure => failure.Message))}", new AggregateException(failures));
    }

    /// <summary>
    /// Stops whatever runs from <paramref name="state"/>: asks the process that owns it, then stops what is left.
    /// </summary>
    /// <returns>False when nothing ran.</returns>
    /// <exception cref="DevStackException">The owner does not stop.</exception>
    public static async Task<bool> StopAsync(StateDirectory state, TimeProvider time)
    {
        var owner = StackLock.Owner(state);
        // Never killed: it is stopping its children, which takes as long as the database takes to write its pages.
        if (owner is not null && !await owner.AskToStopAsync(TimeSpan.FromMinutes(3), time))
            throw new DevStackException($"{StackLock.Describe(owner)} has not stopped within three minutes. Its logs: {state.LogDirectory}");
        using var stackLock = StackLock.TryTake(state)
            ?? throw new DevStackException($"{StackLock.Describe(StackLock.Owner(state))} has just started to use {state.Root}. Try again.");
        var leftovers = await Leftovers.StopAsync(state, time);
        StackEndpoints.Remove(state);
        return owner is not null || leftovers.Count > 0;
    }

    private static int? Port(int? preferred) => preferred is null ? null : LoopbackPorts.Next(preferred);

    private async Task<ChildProcess> AnyExitAsync(CancellationToken token)
    {
        var processes = Processes().ToList();
        await Task.WhenAny([.. processes.Select(process => process.Exited), Task.Delay(Timeout.InfiniteTimeSpan, time, token)]);
        token.ThrowIfCancellationRequested();
        return processes.First(process => process.Exited.IsCompleted);
    }

    /// <summary>All that run: servers, broker, services.</summary>
    public IEnumerable<ChildProcess> Processes() => Parts().Select(part => part.Process);

    /// <summary>Servers, broker and services, as far as they have been started.</summary>
    public IEnumerable<StackPart> Parts() => [.. OwnServers, .. ingests, .. aggregators, .. Settlement is null ? (StackPart[])[] : [Settlement]];

    private async Task StartServersAsync(Action<string> report, CancellationToken token)
    {
        // Each is kept as soon as it runs, so that disposing stops it when another one fails.
        await Task.WhenAll(StartSourceAsync(), StartPostgresAsync(), StartKafkaAsync());
        return;

        async Task StartSourceAsync()
        {
            if (settings.Servers.Source is not { } running)
            {
                source = await SourceServer.StartAsync(settings.Servers.MySqlHome, State, time, token);
                Source = await source.SourceDatabaseAsync(SourceDatabase, token);
                await RunningServers.MarkAsync(Source, token);
                Started("source", SourceServer.Describe(source.Version), $"127.0.0.1:{source.Port}");
                return;
            }
            Source = settings.FillsSource ? await RunningServers.CreateSourceAsync(running, token) : RunningServers.Source(running);
            if (settings.FillsSource) removals.Enqueue(async () => await Source.DisposeAsync());
            Found("source", await RunningServers.DescribeAsync(Source, token));
        }

        async Task StartPostgresAsync()
        {
            if (settings.Servers.Postgres is not { } running)
            {
                postgres = await PostgresServer.StartAsync(State, time, token);
                Rollup = await postgres.DatabaseAsync(RollupDatabase, token);
                Started("postgres", $"PostgreSQL {postgres.Version}", $"127.0.0.1:{postgres.Port}");
                return;
            }
            Rollup = settings.FillsSource ? await RunningServers.CreateRollupAsync(running, token) : RunningServers.Rollup(running);
            if (settings.FillsSource) removals.Enqueue(async () => await Rollup.DisposeAsync());
            Found("postgres", await RunningServers.DescribeAsync(Rollup, token));
        }

        async Task StartKafkaAsync()
        {
            if (settings.Servers.Bootstrap is not { } running)
            {
                Kafka = await KafkaBroker.StartAsync(settings.Servers.KafkaHome, State, time, token, Port(settings.PreferredPorts?.Kafka));
                Bootstrap = Kafka.Bootstrap;
                Started("kafka", Kafka.Description, Bootstrap);
                return;
            }
            Bootstrap = running;
            Found("kafka", RunningServers.DescribeKafka(running));
            if (settings.FillsSource)
            {
                Topics = new Topics($"{Path.GetFileName(State.Root)}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}.");
                removals.Enqueue(() => RunningServers.DeleteTopicsAsync(running, Topics.Prefix));
            }
        }

        void Started(string what, string server, string address)
        {
            servers[what] = server;
            report($"{server} is ready on {address}");
        }

        void Found(string what, string server)
        {
            servers[what] = server;
            report($"{server} runs already");
        }
    }

    private async Task RemoveAsync(List<Exception> failures)
    {
        foreach (var remove in removals)
        {
            try
            {
                await remove();
            }
            catch (Exception e)
            {
                failures.Add(e); // the others are removed all the same
            }
        }
    }
}
