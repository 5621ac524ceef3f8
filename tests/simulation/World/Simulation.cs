using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using StreamSettlement.Aggregator;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Sink;
using StreamSettlement.Ingest.Source;
using StreamSettlement.Settlement;
using StreamSettlement.Settlement.Core;
using StreamSettlement.SimulationTests.Checks;
using StreamSettlement.SimulationTests.Ports;

namespace StreamSettlement.SimulationTests.World;

/// <summary>
/// A world of one seed: the services' own loops and cores in one thread, the platform that writes, what goes wrong, and the
/// operators who clean up.
/// </summary>
internal sealed class Simulation : IDisposable
{
    private readonly List<Producer> _producers = [];
    private readonly List<AggregatorLogPort> _consumers = [];
    private readonly Readiness _readiness = new();
    private readonly IngestMeters _ingestMeters;
    private readonly AggregatorTelemetry _aggregatorTelemetry;
    private readonly SettlementTelemetry _settlementTelemetry = new(NullLogger<SettlementTelemetry>.Instance);
    private readonly Invariants _invariants;
    private readonly CommandGroup _ingestCommands;
    private readonly CommandGroup _aggregatorCommands;
    private readonly Mechanism _without;
    private readonly SimulatedServer _mysql;
    private readonly SimulatedServer _brokerOfIngest;
    private readonly SimulatedServer _brokerOfOthers;
    private readonly SimulatedServer _postgres;

    /// <param name="without">The mechanism that is turned off.</param>
    public Simulation(ulong seed, Mechanism without, bool traced)
    {
        _without = without;
        Dice = new Dice(seed);
        Temper = new Temper(Dice);
        // Near midnight in Seoul, 15:00 UTC, or far from it.
        var start = SourceTime.FromUtc(new DateTime(2026, 11, 21, 0, 0, 0, DateTimeKind.Utc)).Micros
            + (Dice.Chance(0.5) ? (15 * 60 * Span.Minute) - Dice.Between(0, 20 * Span.Second) : 3 * 60 * Span.Minute);
        Scheduler = new Scheduler(Dice, start, traced);
        Network = new Network(Scheduler, Dice, Temper);
        Topics = new LogTopics(Scheduler);
        Source = new SourceTables(Scheduler, without);
        Group = new ConsumerGroup(Scheduler, Dice);
        (_ingestCommands, _aggregatorCommands) = (new CommandGroup(Dice), new CommandGroup(Dice));
        Books = new Books(Scheduler, without);
        Platform = new Platform(Scheduler, Dice, Temper, Source);
        _mysql = new SimulatedServer(MySql, reason => new SourceUnavailableException(reason));
        _brokerOfIngest = new SimulatedServer(Broker, reason => new LogUnavailableException(reason));
        _brokerOfOthers = new SimulatedServer(Broker, reason => new Confluent.Kafka.KafkaException(new Confluent.Kafka.Error(Confluent.Kafka.ErrorCode.Local_Transport, reason)));
        _postgres = new SimulatedServer(Postgres, reason => new NpgsqlException(reason, new IOException(reason)));
        var clock = new SimulatedProcess("the world", Scheduler, 0).Time;
        (_ingestMeters, _aggregatorTelemetry) = (new IngestMeters(clock), new AggregatorTelemetry(clock, NullLogger<AggregatorTelemetry>.Instance));
        _invariants = new Invariants(this);
        Source.Committed = _invariants.RowCommitted;
        Topics.Appended = (at, record) =>
        {
            _invariants.RecordAppended(at, record);
            foreach (var consumer in _consumers) consumer.Fetch();
        };
    }

    public Dice Dice { get; }

    public Temper Temper { get; }

    public Scheduler Scheduler { get; }

    public Network Network { get; }

    public ServerState MySql { get; } = new();

    public ServerState Broker { get; } = new();

    public ServerState Postgres { get; } = new();

    public IReadOnlyList<ServerState> Servers => [MySql, Broker, Postgres];

    public SourceTables Source { get; }

    public LogTopics Topics { get; }

    public ConsumerGroup Group { get; }

    public RollupTables Rollups { get; } = new() { Rules = Cards.Rules };

    public Books Books { get; }

    public Platform Platform { get; }

    /// <summary>Those that live.</summary>
    public List<SimulatedProcess> Processes { get; } = [];

    public void Dispose()
    {
        _ingestMeters.Dispose();
        _aggregatorTelemetry.Dispose();
        _settlementTelemetry.Dispose();
    }

    /// <returns>The promise that was broken; null where all were kept.</returns>
    public string? Run()
    {
        for (var i = 1; i <= Temper.Ingests; i++) StartIngest($"ingest {i}");
        for (var i = 1; i <= Temper.Aggregators; i++) StartAggregator($"aggregator {i}");
        for (var i = 1; i <= Temper.Settlements; i++) StartSettlement($"settlement {i}");
        Platform.Begin();
        var trouble = new Trouble(Scheduler, Dice, Temper, this);
        trouble.Begin();
        Scheduler.RunUntil(Scheduler.Now + Temper.ChaosMicros);
        trouble.End();
        Network.IsRough = false;
        return Scheduler.Violation ?? new Aftermath(this, _invariants).Settle();
    }

    public void GiveUpProducers()
    {
        foreach (var producer in _producers.ToList()) producer.GiveUp();
    }

    /// <summary>The server drops the lock's connection of one ingest, if it is that one's.</summary>
    public void LoseLockOf(SimulatedProcess process)
    {
        if (Source.LockHolder is SourceSession session && session.Process == process) Source.LockHolder = null;
    }

    public void KillAggregators()
    {
        foreach (var consumer in _consumers.ToList()) consumer.Process.Kill();
    }

    private void StartIngest(string name)
    {
        var process = NewProcess(name, 0, () => StartIngest(name));
        var options = new IngestOptions
        {
            Partitions = LogTopics.Partitions,
            SafetyLag = TimeSpan.FromMicroseconds(Temper.LagMicros),
            EndOfDaySchedule = Temper.Schedule,
            EndOfDayGrace = TimeSpan.FromSeconds(2),
            AuditEvery = TimeSpan.FromMicroseconds(Math.Max(Temper.AuditMicros, 1)),
            AuditDays = Temper.AuditMicros == 0 ? 0 : 7,
            PageRows = Temper.PageRows,
            PollInterval = TimeSpan.FromMicroseconds(Temper.PollMicros),
        };
        var queue = new CommandQueue();
        var source = new SourcePort(process, Network, _mysql, Source, Topics, _without);
        var log = new IngestLogPort(process, Network, _brokerOfIngest, Topics, NewProducer, _without);
        var feed = new CommandFeedPort(process, Scheduler, Network, _ingestCommands, Topics, queue);
        var telemetry = new IngestTelemetry(NullLogger<IngestTelemetry>.Instance);
        var loop = new IngestLoop(source, log, queue, feed, options, _readiness, OutagesOf(process), _ingestMeters, telemetry, process.Time);
        Live(process, () => loop.RunAsync(CancellationToken.None));
    }

    private void StartAggregator(string name)
    {
        var process = NewProcess(name, Temper.ClockAheadMicros, () => StartAggregator(name));
        var options = new AggregatorOptions { ChunkTime = TimeSpan.FromMilliseconds(500), ClaimCacheMegabytes = Temper.ClaimCacheMegabytes };
        var log = new AggregatorLogPort(process, Scheduler, Dice, Network, _brokerOfOthers, Topics, Group, _without);
        var store = new RollupStorePort(process, Network, _postgres, Rollups, _without);
        var loop = new AggregatorLoop(log, store, options, _aggregatorTelemetry, OutagesOf(process), _readiness, process.Time);
        _consumers.Add(log);
        process.OnDeath(() => _consumers.Remove(log));
        Live(process, () => loop.RunAsync(CancellationToken.None));
        var desk = new LetterDesk(store, log, _aggregatorTelemetry);
        new CommandReader(process, Scheduler, Network, Topics, _aggregatorCommands, command => LetterFeed.HandleAsync(desk, command)).Start();
    }

    private void StartSettlement(string name)
    {
        var process = NewProcess(name, 0, () => StartSettlement(name));
        var store = new SettlementStorePort(process, Scheduler, Network, _postgres, Rollups, Books, Cards.All);
        var control = new ControlLogPort(process, Network, _brokerOfOthers, Topics, _without);
        var loop = new SettlementLoop(store, control, new Wakeup(process.Time), _settlementTelemetry, process.Time);
        var outages = OutagesOf(process);
        Live(process, async () =>
        {
            while (true)
            {
                await outages.RetryAsync("postgres", Transient.Postgres, async cancel => await loop.StepAsync(cancel), CancellationToken.None);
                await Task.Delay(TimeSpan.FromMicroseconds(Temper.CloseMicros), process.Time);
            }
        });
    }

    /// <summary>Somebody starts it again when it has died.</summary>
    private SimulatedProcess NewProcess(string name, long clockAheadMicros, Action startAgain)
    {
        var process = new SimulatedProcess(name, Scheduler, clockAheadMicros);
        Processes.Add(process);
        process.OnDeath(() =>
        {
            Processes.Remove(process);
            Scheduler.After(Dice.Between(Span.Second / 5, 3 * Span.Second), startAgain);
        });
        Scheduler.Note($"{name} starts");
        return process;
    }

    private Producer NewProducer(SimulatedProcess process)
    {
        var producer = new Producer(process, Scheduler, Dice, Temper, Network, _brokerOfIngest, _without);
        _producers.Add(producer);
        process.OnDeath(producer.Close);
        return producer;
    }

    private Outages OutagesOf(SimulatedProcess process) => new(_readiness, process.Time, NullLogger<Outages>.Instance);

    /// <summary>A loop of a service ends only with its process: anything else is a fault that an operator would see.</summary>
    private void Live(SimulatedProcess process, Func<Task> loop) => process.Run(() => _ = LiveAsync(process, loop));

    private async Task LiveAsync(SimulatedProcess process, Func<Task> loop)
    {
        try
        {
            await loop();
            Scheduler.Violate($"{process.Name} stopped by itself");
        }
        catch (Exception fatal)
        {
            Scheduler.Violate($"{process.Name} stopped: {fatal}");
        }
    }
}
