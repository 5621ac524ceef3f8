using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Hosting;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Sink;
using StreamSettlement.Ingest.Source;
using StreamSettlement.IntegrationTests.Faults;

namespace StreamSettlement.IntegrationTests.Ingest;

/// <summary>A source database and a broker of their own for one test, and what ingest has written there.</summary>
internal sealed class IngestStage : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private IngestStage(StateDirectory state, MySqlDatabase source) => (State, Source) = (state, source);

    public StateDirectory State { get; }

    public MySqlDatabase Source { get; }

    public TestBroker Broker { get; private set; } = null!;

    /// <summary>Prefix of every topic, group and client id.</summary>
    public string TopicPrefix => Broker.TopicPrefix;

    public Topics Topics => Broker.Topics;

    /// <param name="source">Null for a new database of the shared server.</param>
    /// <param name="ownBroker">Whether the test stops the broker, or looks at all that is in it.</param>
    public static async Task<IngestStage> StartAsync(Servers servers, MySqlDatabase? source = null, bool ownBroker = false)
    {
        var stage = new IngestStage(servers.NewStateDirectory(), source ?? await servers.NewSourceDatabaseAsync());
        try
        {
            stage.Broker = await TestBroker.StartAsync(servers, stage.State, ownBroker);
        }
        catch
        {
            await stage.DisposeAsync();
            throw;
        }
        return stage;
    }

    /// <summary>Without safety lag and schedule: what a test wrote is read at once.</summary>
    public IngestOptions Options => new()
    {
        KafkaBootstrap = Broker.Bootstrap,
        TopicPrefix = TopicPrefix,
        MySql = Source.IngestConnectionString,
        SafetyLag = TimeSpan.Zero,
        EndOfDaySchedule = false,
        PollInterval = TimeSpan.FromMilliseconds(150),
    };

    public ServiceSettings Settings(IReadOnlyDictionary<string, string> environment) =>
        new(Broker.Bootstrap, Source.IngestConnectionString, "") { TopicPrefix = TopicPrefix, Environment = environment };

    /// <summary>Records of a topic from its beginning, until they satisfy the test.</summary>
    public async Task<IReadOnlyList<Written>> ReadAsync(string topic, Func<IReadOnlyList<Written>, bool> until)
    {
        var cancel = TestContext.Current.CancellationToken;
        return await Task.Factory.StartNew<IReadOnlyList<Written>>(() => Read(topic, until, cancel), cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Sends a command the way an operator does.</summary>
    public Task SendAsync(CommandKind kind, BusinessDay day) => SendAsync(new ControlCommand(kind, day, "test"));

    public async Task SendAsync(ControlCommand command)
    {
        using var producer = new ControlProducer(Broker.Bootstrap, Topics, "test", TimeProvider.System);
        await producer.SendAsync(command, TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (Broker is not null) await Broker.DisposeAsync();
        await Source.DisposeAsync();
    }

    private List<Written> Read(string topic, Func<IReadOnlyList<Written>, bool> until, CancellationToken cancel)
    {
        using var consumer = new ConsumerBuilder<byte[]?, byte[]>(new ConsumerConfig { BootstrapServers = Broker.Bootstrap, GroupId = "test", EnableAutoCommit = false })
            .SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        deadline.CancelAfter(Patience);
        var records = new List<Written>();
        try
        {
            int partitions;
            while ((partitions = KafkaTopics.PartitionCounts(Broker.Bootstrap, "test", [topic])[topic]) == 0) deadline.Token.ThrowIfCancellationRequested();
            consumer.Assign(Enumerable.Range(0, partitions).Select(partition => new TopicPartitionOffset(topic, partition, Offset.Beginning)));
            while (!until(records))
            {
                var record = consumer.Consume(deadline.Token);
                records.Add(new Written(record.Partition.Value, record.Offset.Value, record.Message.Key is { } key ? Encoding.UTF8.GetString(key) : null, record.Message.Value));
            }
            return records;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new TimeoutException($"{topic} holds {records.Count} records after {Patience.TotalSeconds} s; the newest: {string.Join(" ", records.TakeLast(3))}");
        }
    }
}

/// <summary>A record as it stands in a topic.</summary>
internal sealed record Written(int Partition, long Offset, string? Key, byte[] Value)
{
    private SourceRecord? _record;

    public SourceRecord Record => _record ??= SourceRecord.Parser.ParseFrom(Value);

    public DayMarker? Marker => Record.DayMarker;

    /// <summary>The id of a row; 0 for a marker.</summary>
    public long Id => Record.ViewLog?.Id ?? Record.AdView?.Id ?? 0;

    public T Json<T>() => ControlJson.Deserialize<T>(Value);

    public override string ToString() => $"{Partition}@{Offset} {Key} {Encoding.UTF8.GetString(Value)}";
}

/// <summary>The loop with its real adapters, in this process.</summary>
internal sealed class IngestRun : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ControlProducer _events;
    private readonly KafkaLog _log;
    private readonly IngestMeters _meters = new(TimeProvider.System);
    private readonly Task _running;

    private IngestRun(IngestOptions options, IngestPoints points, TimeProvider time, ILogger<IngestTelemetry> log, string? events)
    {
        var commands = new CommandQueue();
        var outages = new Outages(Readiness, time, NullLogger<Outages>.Instance);
        var telemetry = new IngestTelemetry(log);
        _events = new ControlProducer(events ?? options.KafkaBootstrap, options.Topics, "ingest", time);
        _log = new KafkaLog(options, _events, telemetry);
        var feed = new CommandFeed(options, commands, Readiness, outages, time, NullLoggerFactory.Instance);
        _running = new IngestLoop(new FaultySource(new MySqlSource(options, time), points), new FaultyIngestLog(_log, points), commands, feed, options, Readiness, outages, _meters, telemetry, time).RunAsync(_stop.Token);
    }

    public Readiness Readiness { get; } = new();

    /// <param name="points">What happens at exact points of its way; null for nothing.</param>
    /// <param name="time">The service's clock; null for the machine's.</param>
    /// <param name="log">Takes its log; null for nobody.</param>
    /// <param name="events">Where its events go; null for the broker of everything else.</param>
    public static IngestRun Start(
        IngestOptions options, IngestPoints? points = null, TimeProvider? time = null, ILogger<IngestTelemetry>? log = null, string? events = null) =>
        new(options, points ?? new IngestPoints(), time ?? TimeProvider.System, log ?? NullLogger<IngestTelemetry>.Instance, events);

    /// <summary>Waits until the loop was killed at its point.</summary>
    public Task DiedAsync() => Assert.ThrowsAsync<KilledException>(() => _running.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, TestContext.Current.CancellationToken));

    /// <summary>Waits for what /health/ready shows.</summary>
    public async Task<string?> ReasonAsync(string dependency)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            if (_running.IsFaulted) await _running;
            if (Readiness.Snapshot().TryGetValue(dependency, out var reason) && reason is not null and not "not reached yet") return reason;
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }
    }

    /// <summary>Waits until the ingest is ready in this state.</summary>
    public async Task BecameAsync(string state)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        while (Readiness.State != state || !Readiness.IsReady)
        {
            if (_running.IsFaulted) await _running;
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _running;
        }
        catch (Exception expected) when (expected is OperationCanceledException or KilledException)
        {
            // As asked.
        }
        _log.Dispose();
        _events.Dispose();
        _meters.Dispose();
        _stop.Dispose();
    }
}

/// <summary>Rows for the source.</summary>
internal static class SourceSql
{
    public static readonly BusinessDay Day = BusinessDay.Of(2026, 11, 21);

    /// <summary>Contents 1 to <paramref name="contents"/>, two creators.</summary>
    public static Task AddContentsAsync(this MySqlDatabase source, int contents) => source.ExecuteAsync(
        "insert into member (nickname) values ('a'), ('b'); "
        + $"insert into content_post (id, creator_id, title, duration_seconds) select seq, 1 + seq % 2, 'c', 600 from {Numbers(contents)}",
        TestContext.Current.CancellationToken);

    /// <summary>One statement: all rows have the same updated_at.</summary>
    public static Task AddViewsAsync(this MySqlDatabase source, int rows, int contents = 10, string status = "COMPLETED", string day = "2026-11-21") =>
        source.ExecuteAsync(ViewsSql(rows, contents, status, day), TestContext.Current.CancellationToken);

    public static Task AddAdsAsync(this MySqlDatabase source, int rows, int contents = 10, string day = "2026-11-21") => source.ExecuteAsync(
        $"insert into ad_view_log (member_id, content_post_id, advertisement_id, log_date) select 1 + seq % 7, 1 + seq % {contents}, 1 + seq % 3, '{day}' from {Numbers(rows)}",
        TestContext.Current.CancellationToken);

    public static string ViewsSql(int rows, int contents = 10, string status = "COMPLETED", string day = "2026-11-21") =>
        "insert into daily_member_view_log (member_id, content_post_id, log_date, watch_seconds, last_position_seconds, status) "
        + $"select 1 + seq % 7, 1 + seq % {contents}, '{day}', seq % 600, seq % 600, '{status}' from {Numbers(rows)}";

    /// <summary>Rows <c>seq</c> 1, 2, … in this order, in SQL that both MySQL and MariaDB know.</summary>
    public static string Numbers(int count)
    {
        var places = count.ToString(CultureInfo.InvariantCulture).Length;
        var sum = string.Join(" + ", Enumerable.Range(0, places).Select(place => $"d{place} * 1{new string('0', place)}"));
        var digits = Enumerable.Range(0, places).Select(place => $"({string.Join(" union all ", Enumerable.Range(0, 10).Select(digit => $"select {digit} as d{place}"))}) p{place}");
        return $"(select 1 + {sum} as seq from {string.Join(" cross join ", digits)} having seq <= {count} order by seq limit {count}) numbers";
    }

    public static async Task<long> NumberAsync(this MySqlDatabase source, string sql) =>
        Convert.ToInt64(await source.ScalarAsync(sql, TestContext.Current.CancellationToken), CultureInfo.InvariantCulture);

    /// <summary>Ids in the order in which a stream is read.</summary>
    public static async Task<List<long>> IdsInOrderAsync(this MySqlDatabase source, string table)
    {
        await using var connection = await source.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new MySqlCommand($"select id from {table} order by updated_at, id", connection);
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var ids = new List<long>();
        while (await reader.ReadAsync(TestContext.Current.CancellationToken)) ids.Add(reader.GetInt64(0));
        return ids;
    }
}
