using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Google.Protobuf;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Hosting;

namespace StreamSettlement.IntegrationTests.Aggregator;

/// <summary>
/// A broker with both data topics, a database, and what was produced as a plain table in it: what the rollups must equal.
/// </summary>
internal sealed class LogUnderTest : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    private readonly bool ownsPostgres;
    private readonly IProducer<byte[]?, byte[]?> producer;
    private readonly ConcurrentQueue<string> undelivered = new();
    private readonly List<ServiceProcess> services = [];

    private LogUnderTest(StateDirectory state, TestBroker broker, PostgresDatabase postgres, bool ownsPostgres)
    {
        (State, Broker, Postgres, this.ownsPostgres) = (state, broker, postgres, ownsPostgres);
        producer = new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = broker.Bootstrap, EnableIdempotence = true, LingerMs = 5 })
            .SetLogHandler((_, _) => { })
            .Build();
    }

    public StateDirectory State { get; }

    public TestBroker Broker { get; }

    public PostgresDatabase Postgres { get; }

    /// <summary>Prefix of every topic, group and client id.</summary>
    public string TopicPrefix => Broker.TopicPrefix;

    public Topics Topics => Broker.Topics;

    public int Partitions { get; private init; }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <param name="postgres">Null for a database of its own.</param>
    /// <param name="ownBroker">Whether the test stops the broker, or looks at all that is in it.</param>
    public static async Task<LogUnderTest> StartAsync(
        Servers servers, int partitions = 4, PostgresDatabase? postgres = null, bool ownBroker = false, string topicPrefix = "")
    {
        var state = servers.NewStateDirectory();
        var database = postgres ?? await servers.NewPostgresDatabaseAsync();
        await database.ExecuteAsync("""
            create schema if not exists produced;
            create table if not exists produced.row (stream text, id bigint, source_epoch int, log_date date, content_id bigint, creator_id bigint,
              advertisement_id bigint, watch_seconds int, completed boolean);
            """, Token);
        var broker = await TestBroker.StartAsync(servers, state, ownBroker, topicPrefix);
        var log = new LogUnderTest(state, broker, database, ownsPostgres: postgres is null) { Partitions = partitions };
        await log.CreateTopicsAsync();
        return log;
    }

    /// <summary>Starts an aggregator; waits until it is ready unless it is expected not to be.</summary>
    public async Task<ServiceProcess> StartAggregatorAsync(
        string name = "aggregator", bool ready = true, params (string Name, string Value)[] environment)
    {
        var settings = new ServiceSettings(Broker.Bootstrap, "", Postgres.ConnectionString)
        {
            TopicPrefix = TopicPrefix,
            Environment = environment.ToDictionary(entry => entry.Name, entry => entry.Value),
        };
        var service = ServiceProcess.Aggregator(settings, State, TimeProvider.System, name: name);
        services.Add(service);
        if (ready) await service.WaitUntilReadyAsync(Token);
        return service;
    }

    /// <summary>Deletes both data topics and creates them again, empty.</summary>
    public async Task RecreateTopicsAsync()
    {
        using var admin = Admin();
        await admin.DeleteTopicsAsync(Topics.Data);
        // Brokers still list a deleted topic for a moment; creating what is not listed would then create nothing.
        await UntilAsync(() => Task.FromResult(!Listed().Any()), () => Task.FromResult($"still listed: {string.Join(", ", Listed())}"));
        await CreateTopicsAsync();

        IEnumerable<string> Listed() => admin.GetMetadata(Patience).Topics.Select(topic => topic.Topic).Intersect(Topics.Data);
    }

    public async Task AddPartitionsAsync(string topic, int partitions)
    {
        using var admin = Admin();
        await admin.CreatePartitionsAsync([new PartitionsSpecification { Topic = topic, IncreaseTo = partitions }]);
    }

    public void Produce(ViewLog row) => Produce(SourceStream.ViewLogs, row.ContentId, new SourceRecord { ViewLog = row });

    public void Produce(AdView row) => Produce(SourceStream.AdViews, row.ContentId, new SourceRecord { AdView = row });

    /// <summary>To every partition of its stream, as ingest does.</summary>
    public void Produce(DayMarker marker)
    {
        Assert.True(SourceStreams.TryParse(marker.Stream, out var stream));
        for (var partition = 0; partition < Partitions; partition++) Produce(Topics.Of(stream), partition, null, Bytes(new SourceRecord { DayMarker = marker }));
    }

    public void Produce(string topic, int partition, byte[]? key, byte[]? value) =>
        producer.Produce(new TopicPartition(topic, partition), new Message<byte[]?, byte[]?> { Key = key, Value = value }, report =>
        {
            if (report.Error.IsError) undelivered.Enqueue($"{report.TopicPartition}: {report.Error}");
        });

    public static byte[] Bytes(SourceRecord record) => record.ToByteArray();

    public int PartitionOf(long content) => Contracts.Partitioner.PartitionOf(new ContentId(content), Partitions);

    /// <summary>Produces the rows and writes them into the table of what was produced.</summary>
    public async Task ProduceAsync(TestRows rows)
    {
        foreach (var view in rows.Views) Produce(view);
        foreach (var ad in rows.Ads) Produce(ad);
        await Flushed();
        await RecordAsync(rows);
    }

    public async Task RecordAsync(TestRows rows)
    {
        await using var source = Npgsql.NpgsqlDataSource.Create(Postgres.ConnectionString);
        await using var connection = await source.OpenConnectionAsync(Token);
        await using var copy = await connection.BeginBinaryImportAsync("copy produced.row from stdin (format binary)", Token);
        foreach (var row in rows.Views)
        {
            await WriteAsync(copy, "view-logs", row.Id, row.SourceEpoch, row.LogDate, row.ContentId, row.CreatorId, 0, row.WatchSeconds, row.Status == ViewStatus.Completed);
        }
        foreach (var row in rows.Ads)
        {
            await WriteAsync(copy, "ad-views", row.Id, row.SourceEpoch, row.LogDate, row.ContentId, row.CreatorId, row.AdvertisementId, 0, true);
        }
        await copy.CompleteAsync(Token);
    }

    public async Task Flushed()
    {
        await Task.Run(() => producer.Flush(Token), Token);
        Assert.Empty(undelivered);
    }

    /// <summary>Returns when the rollups stand for everything that is in the log.</summary>
    public async Task CaughtUpAsync()
    {
        await Flushed();
        var end = Ends().Values.Sum();
        await UntilAsync(async () => Number(await Postgres.ScalarAsync("select coalesce(sum(next_offset), 0) from rollup.progress", Token)) >= end,
            async () => $"the rollups are at {await Postgres.ScalarAsync("select sum(next_offset) from rollup.progress")} of {end} records");
    }

    /// <summary>Returns when the group's offsets are at the end of the log.</summary>
    public async Task GroupCaughtUpAsync()
    {
        await Flushed();
        var ends = Ends();
        await UntilAsync(() => Task.FromResult(Committed(ends.Keys).All(partition => Math.Max(0, partition.Offset.Value) >= ends[partition.TopicPartition])),
            () => Task.FromResult($"the group is at {string.Join(", ", Committed(ends.Keys))}"));
    }

    /// <summary>Sets the group's offset of every partition, as an operator does while no member is up.</summary>
    public void SetGroup(Func<long, long> offsetOfEnd)
    {
        using var consumer = Consumer(Topics.LiveGroup);
        Commit(consumer, Ends().Select(end => new TopicPartitionOffset(end.Key, offsetOfEnd(end.Value))));
    }

    /// <summary>Sets the group to the first record at or after a time in every partition, as an operator does while no member is up.</summary>
    public void SetGroupTo(DateTimeOffset time)
    {
        using var consumer = Consumer(Topics.LiveGroup);
        var asked = Ends().Keys.Select(partition => new TopicPartitionTimestamp(partition, new Timestamp(time)));
        Commit(consumer, TestBroker.Passing(() => consumer.OffsetsForTimes(asked, Patience))
            .Select(found => found.Offset.Value >= 0 ? found : new TopicPartitionOffset(found.TopicPartition, Ends()[found.TopicPartition])));
    }

    /// <summary>Sum of the group's offsets.</summary>
    public long GroupOffsets() => Committed(Ends().Keys).Sum(partition => Math.Max(0, partition.Offset.Value));

    /// <summary>Whether the group's coordinator has given its partitions to its members.</summary>
    public bool GroupIsAssigned()
    {
        using var admin = Admin();
        return TestBroker.Passing(() => admin.ListGroup(Topics.LiveGroup, Patience)) is { State: "Stable", Members: [_, ..] members } && members.TrueForAll(member => member.MemberAssignment is { Length: > 0 });
    }

    public bool GroupHasMembers()
    {
        using var admin = Admin();
        return TestBroker.Passing(() => admin.ListGroup(Topics.LiveGroup, Patience)) is { Members.Count: > 0 };
    }

    /// <summary>Every record of a topic with one partition.</summary>
    public IReadOnlyList<Message<byte[], byte[]>> Read(string topic)
    {
        using var consumer = Consumer("reader");
        var partition = new TopicPartition(topic, 0);
        var end = TestBroker.Passing(() => consumer.QueryWatermarkOffsets(partition, Patience)).High.Value;
        consumer.Assign(new TopicPartitionOffset(partition, 0));
        var messages = new List<Message<byte[], byte[]>>();
        while (messages.Count < end) messages.Add(consumer.Consume(Token).Message);
        return messages;
    }

    /// <summary>The rollups against plain SQL over what was produced, both ways round; nothing may differ.</summary>
    public async Task AssertEqualToProducedAsync()
    {
        const string views = """
            select log_date, content_id, creator_id, count(*)::bigint views, sum(watch_seconds)::bigint watch_seconds
            from (select distinct * from produced.row where completed and stream = 'view-logs') r group by 1, 2, 3
            """;
        const string ads = """
            select log_date, content_id, advertisement_id, creator_id, count(*)::bigint ad_views
            from (select distinct * from produced.row where completed and stream = 'ad-views') r group by 1, 2, 3, 4
            """;
        const string totals = """
            select stream, log_date, count(*) as rows, mod(sum(id), 18446744073709551616) id_sum, sum(watch_seconds) watch_seconds
            from (select distinct * from produced.row where completed) r group by 1, 2
            """;
        const string own = """
            select stream, log_date, sum(rows)::bigint as rows, mod(sum(id_sum), 18446744073709551616) id_sum, sum(watch_seconds)::bigint watch_seconds
            from rollup.partition_day group by 1, 2
            """;
        await AssertSameAsync(views, "select * from rollup.content_daily");
        await AssertSameAsync(ads, "select * from rollup.ad_daily");
        await AssertSameAsync(totals, own);
    }

    public async Task<long> CountAsync(string sql) => Number(await Postgres.ScalarAsync(sql, Token));

    /// <summary>Returns when /health/ready answers with the status and holds the words.</summary>
    public static async Task UntilHealthAsync(ServiceProcess service, int status, string says)
    {
        using var http = new HttpClient { BaseAddress = service.Address };
        var last = "nothing";
        await UntilAsync(async () =>
        {
            try
            {
                using var response = await http.GetAsync(new Uri("/health/ready", UriKind.Relative), Token);
                last = $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync(Token)}";
                return (int)response.StatusCode == status && last.Contains(says, StringComparison.Ordinal);
            }
            catch (HttpRequestException notUp)
            {
                last = notUp.Message;
                return false;
            }
        }, () => Task.FromResult($"/health/ready answers {last}"));
    }

    public static async Task UntilAsync(Func<Task<bool>> reached, Func<Task<string>> where)
    {
        var time = TimeProvider.System;
        for (var start = time.GetTimestamp(); !await reached();)
        {
            if (time.GetElapsedTime(start) > Patience) Assert.Fail($"not reached within {Patience}: {await where()}");
            await Task.Delay(Poll, time, Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var service in services) await service.DisposeAsync();
        producer.Dispose();
        await Broker.DisposeAsync();
        if (ownsPostgres) await Postgres.DisposeAsync();
    }

    private Task CreateTopicsAsync() =>
        KafkaTopics.EnsureAsync(Broker.Bootstrap, "test", Topics.All(Partitions).Where(topic => Topics.Data.Contains(topic.Name)));

    private void Produce(SourceStream stream, long content, SourceRecord record)
    {
        var key = Encoding.ASCII.GetBytes(content.ToString(CultureInfo.InvariantCulture));
        Produce(Topics.Of(stream), PartitionOf(content), key, Bytes(record));
    }

    private Dictionary<TopicPartition, long> Ends()
    {
        using var consumer = Consumer("looker");
        return SourceStreams.All
            .SelectMany(stream => Enumerable.Range(0, Partitions).Select(partition => new TopicPartition(Topics.Of(stream), partition)))
            .ToDictionary(partition => partition, partition => TestBroker.Passing(() => consumer.QueryWatermarkOffsets(partition, Patience)).High.Value);
    }

    private static void Commit(IConsumer<byte[], byte[]> consumer, IEnumerable<TopicPartitionOffset> offsets) => TestBroker.Passing(() =>
    {
        consumer.Commit(offsets);
        return true;
    });

    private List<TopicPartitionOffset> Committed(IEnumerable<TopicPartition> partitions)
    {
        using var consumer = Consumer(Topics.LiveGroup);
        return TestBroker.Passing(() => consumer.Committed(partitions, Patience));
    }

    private IAdminClient Admin() => new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Broker.Bootstrap }).SetLogHandler((_, _) => { }).Build();

    private IConsumer<byte[], byte[]> Consumer(string group) =>
        new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = Broker.Bootstrap, GroupId = group, EnableAutoCommit = false })
            .SetLogHandler((_, _) => { })
            .Build();

    private async Task AssertSameAsync(string expected, string actual)
    {
        var differences = await Postgres.QueryAsync(
            $"(select 'missing', e::text from (({expected}) except all ({actual})) e) union all (select 'too much', a::text from (({actual}) except all ({expected})) a)",
            row => $"{row.GetString(0)} {row.GetString(1)}", Token);
        Assert.True(differences.Count == 0, $"{differences.Count} rows differ:\n{string.Join('\n', differences.Take(20))}");
    }

    private static long Number(object? value) => Convert.ToInt64(value ?? 0L, CultureInfo.InvariantCulture);

    private static async Task WriteAsync(Npgsql.NpgsqlBinaryImporter copy, string stream, long id, int epoch, int day, long content, long creator,
        long advertisement, int seconds, bool completed)
    {
        await copy.StartRowAsync(Token);
        await copy.WriteAsync(stream, Token);
        await copy.WriteAsync(id, Token);
        await copy.WriteAsync(epoch, Token);
        await copy.WriteAsync(BusinessDay.FromNumber(day).Date, Token);
        await copy.WriteAsync(content, Token);
        await copy.WriteAsync(creator, Token);
        await copy.WriteAsync(advertisement, Token);
        await copy.WriteAsync(seconds, Token);
        await copy.WriteAsync(completed, Token);
    }
}
