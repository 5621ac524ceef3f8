using System.Text;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;

namespace StreamSettlement.IntegrationTests.Aggregator;

public sealed class DeadLetterTests(Servers servers)
{
    [Fact]
    public async Task Poison_of_each_kind_lands_in_the_topic_and_in_the_table_and_what_is_good_counts()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        var expected = new List<string>();
        long id = 0;
        Spoil("unknown-status", row => row.Status = ViewStatus.Unspecified);
        Spoil("bad-value", row => row.WatchSeconds = -1);
        Spoil("bad-value", row => row.WatchSeconds = Limits.WatchSecondsMax + 1);
        Spoil("bad-log-date", row => row.LogDate = 20260230);
        Spoil("future-log-date", row => row.LogDate = 99991231);
        Spoil("unknown-content", row => row.CreatorId = 0);
        Bad("undecodable", "7", "hello"u8.ToArray());
        Bad("undecodable", "7", null);
        Bad("wrong-stream", "7", LogUnderTest.Bytes(new SourceRecord { AdView = TestRows.Ad(1) }));
        Bad("key-mismatch", "8", LogUnderTest.Bytes(new SourceRecord { ViewLog = TestRows.View(900, content: 7) }));
        Bad("bad-marker", null, LogUnderTest.Bytes(new SourceRecord { DayMarker = new DayMarker { Stream = "view-logs" } }));
        var elsewhere = (log.PartitionOf(7) + 1) % log.Partitions;
        var misplaced = LogUnderTest.Bytes(new SourceRecord { ViewLog = TestRows.View(901, content: 7) });
        log.Produce(log.Topics.ViewLogs, elsewhere, "7"u8.ToArray(), misplaced);
        expected.Add("wrong-partition");
        await log.ProduceAsync(TestRows.Of(seed: 41, rows: 200, firstId: 1_000));

        await log.StartAggregatorAsync();
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
        var table = await log.Postgres.QueryAsync(
            "select reason from rollup.dead_letter where state = 'open'", row => row.GetString(0), TestContext.Current.CancellationToken);
        Assert.Equal(expected.Order(), table.Order());
        var topic = log.Read(log.Topics.ViewLogsDeadLetters);
        Assert.Equal(expected.Order(), topic.Select(record => Header(record, "dlq-reason")).Order());
        var moved = Assert.Single(topic, record => Header(record, "dlq-reason") == "wrong-partition");
        Assert.Equal(misplaced, moved.Value);
        Assert.Equal("7"u8.ToArray(), moved.Key);
        var offset = await log.CountAsync("select kafka_offset from rollup.dead_letter where reason = 'wrong-partition'");
        Assert.Equal((log.Topics.ViewLogs, $"{elsewhere}", $"{offset}"), (Header(moved, "dlq-topic"), Header(moved, "dlq-partition"), Header(moved, "dlq-offset")));
        Assert.Contains("belongs to partition", Header(moved, "dlq-detail"), StringComparison.Ordinal);
        Assert.Equal(1, await log.CountAsync("select count(*) from rollup.dead_letter where value is null"));

        void Spoil(string reason, Action<ViewLog> spoil)
        {
            var row = TestRows.View(++id);
            spoil(row);
            log.Produce(row);
            expected.Add(reason);
        }

        void Bad(string reason, string? key, byte[]? value)
        {
            var bytes = key is null ? null : Encoding.ASCII.GetBytes(key);
            log.Produce(log.Topics.ViewLogs, bytes is null ? 0 : Partitioner.PartitionOf(bytes, log.Partitions), bytes, value);
            expected.Add(reason);
        }
    }

    [Fact]
    public async Task A_record_that_fills_a_message_is_a_dead_letter_whose_bytes_stand_in_the_table_alone()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        // With the headers of a dead letter it is more than a producer sends by default.
        var bytes = new byte[999_900];
        log.Produce(log.Topics.ViewLogs, 0, "7"u8.ToArray(), bytes);
        await log.ProduceAsync(TestRows.Of(seed: 42, rows: 200));

        await log.StartAggregatorAsync();
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
        Assert.Equal(1, await log.CountAsync("select count(*) from rollup.dead_letter where reason = 'undecodable' and length(value) = 999900"));
        var told = Assert.Single(log.Read(log.Topics.ViewLogsDeadLetters));
        Assert.Null(told.Value);
        Assert.Contains("999900 bytes are too many", Header(told, "dlq-detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bad_row_published_again_or_read_again_stays_one_open_dead_letter()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        var bad = TestRows.View(1);
        bad.CreatorId = 0;
        log.Produce(bad);
        await using (await log.StartAggregatorAsync("before"))
        {
            await log.CaughtUpAsync();
            log.Produce(bad);
            await log.CaughtUpAsync();
        }
        log.SetGroup(_ => 0);
        await log.StartAggregatorAsync("after");
        await log.GroupCaughtUpAsync();
        Assert.Equal(1, await log.CountAsync("select count(*) from rollup.dead_letter"));
        // Once per record of the log, and not again when it is read again.
        Assert.Equal(2, log.Read(log.Topics.ViewLogsDeadLetters).Count);
    }

    [Fact]
    public async Task A_bad_row_that_comes_again_as_a_good_one_is_counted_and_its_dead_letter_settled()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        var (mended, other) = (TestRows.View(1), TestRows.View(2));
        var (bad, stillBad) = (mended.Clone(), other.Clone());
        (bad.CreatorId, stillBad.CreatorId) = (0, 0);
        log.Produce(bad);
        log.Produce(stillBad);
        await using (await log.StartAggregatorAsync("before")) await log.CaughtUpAsync();
        await log.ProduceAsync(new TestRows([mended], []));
        await log.StartAggregatorAsync("after");
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
        Assert.Equal(1, await log.CountAsync("select row_id from rollup.dead_letter where state = 'redriven' and decided_by = 'aggregator'"));
        Assert.Equal(2, await log.CountAsync("select row_id from rollup.dead_letter where state = 'open'"));
    }

    [Fact]
    public async Task With_a_prefix_a_letter_names_the_topic_of_its_own_deployment()
    {
        await using var log = await LogUnderTest.StartAsync(servers, topicPrefix: "team-b.");
        log.Produce(log.Topics.ViewLogs, log.PartitionOf(7), "7"u8.ToArray(), LogUnderTest.Bytes(new SourceRecord { AdView = TestRows.Ad(1, content: 7) }));
        await log.StartAggregatorAsync();
        await log.CaughtUpAsync();

        var letter = Assert.Single(log.Read($"{log.TopicPrefix}view-logs.v1.dlq"));
        Assert.EndsWith("team-b.", log.TopicPrefix, StringComparison.Ordinal);
        Assert.Equal($"{log.TopicPrefix}view-logs.v1", Header(letter, "dlq-topic"));
        Assert.Equal($"an ad view in {log.TopicPrefix}view-logs.v1", Header(letter, "dlq-detail"));
        Assert.Equal("view-logs", await log.Postgres.ScalarAsync("select stream from rollup.dead_letter", TestContext.Current.CancellationToken));
    }

    private static string Header(Confluent.Kafka.Message<byte[], byte[]> record, string name) => Encoding.UTF8.GetString(record.Headers.GetLastBytes(name));
}
