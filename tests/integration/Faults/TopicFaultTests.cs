using System.Text;
using Google.Protobuf;
using StreamSettlement.Aggregator.Sink;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using StreamSettlement.IntegrationTests.Aggregator;

namespace StreamSettlement.IntegrationTests.Faults;

/// <summary>Topics that an operator changes under the aggregator.</summary>
public sealed class TopicFaultTests(Servers servers)
{
    private const int MorePartitions = 6;

    [Fact]
    public async Task The_topics_are_recreated_and_grow_beyond_what_was_read_while_nobody_reads()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.ProduceAsync(TestRows.Of(seed: 131, rows: 500));
        log.Produce(log.Topics.ViewLogs, 0, null, "bad"u8.ToArray());
        await using (AggregatorRun.Start(log)) await log.GroupCaughtUpAsync();
        await log.RecreateTopicsAsync();
        // The same offset, another record: a dead letter of its own.
        log.Produce(log.Topics.ViewLogs, 0, null, "worse"u8.ToArray());
        await log.ProduceAsync(TestRows.Of(seed: 132, rows: 2_000, firstId: 10_000));
        await using var next = AggregatorRun.Start(log);
        await log.GroupCaughtUpAsync();
        await AssertBothLivesCountAsync(log);
    }

    [Fact]
    public async Task The_topics_are_recreated_under_an_aggregator_that_reads_on()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.ProduceAsync(TestRows.Of(seed: 134, rows: 500));
        log.Produce(log.Topics.ViewLogs, 0, null, "bad"u8.ToArray());
        await using var run = AggregatorRun.Start(log);
        await log.GroupCaughtUpAsync();
        await log.RecreateTopicsAsync();
        log.Produce(log.Topics.ViewLogs, 0, null, "worse"u8.ToArray());
        await log.Flushed();
        await LogUnderTest.UntilAsync(async () => await log.CountAsync("select min(incarnation) from rollup.progress") == 2, () => Task.FromResult("the new topics were not noticed"));
        await log.ProduceAsync(TestRows.Of(seed: 135, rows: 2_000, firstId: 10_000));
        await log.GroupCaughtUpAsync();
        await AssertBothLivesCountAsync(log);
    }

    [Fact]
    public async Task A_partition_is_added()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await using (var run = AggregatorRun.Start(log))
        {
            await log.ProduceAsync(TestRows.Of(seed: 133, rows: 500));
            await log.GroupCaughtUpAsync();
            await log.AddPartitionsAsync(log.Topics.ViewLogs, MorePartitions);
            // As a producer sends it that knows the new count: to a partition that is not the content's.
            var moved = Enumerable.Range(1, 200).First(content => PartitionOfMore(content) < log.Partitions && PartitionOfMore(content) != log.PartitionOf(content));
            log.Produce(
                log.Topics.ViewLogs, PartitionOfMore(moved), Encoding.ASCII.GetBytes($"{moved}"), new SourceRecord { ViewLog = TestRows.View(90_000, moved) }.ToByteArray());
            await log.Flushed();
            await LogUnderTest.UntilAsync(
                async () => await log.CountAsync("select count(*) from rollup.dead_letter where state = 'open' and reason = 'wrong-partition'") == 1,
                () => Task.FromResult("the row in the wrong partition was not refused"));
            await log.AssertEqualToProducedAsync();
        }
        await using var next = AggregatorRun.Start(log);
        var refused = await next.EndsWithAsync<PartitionCountChangedException>();
        Assert.Contains($"'{log.Topics.ViewLogs}' has 6 partitions, the rollups were made with 4", refused.Message, StringComparison.Ordinal);
        await log.AssertEqualToProducedAsync();
    }

    private static async Task AssertBothLivesCountAsync(LogUnderTest log)
    {
        await log.AssertEqualToProducedAsync();
        Assert.Equal(2, await log.CountAsync("select min(incarnation) from rollup.progress"));
        Assert.Equal(2, await log.CountAsync("select count(*) from rollup.dead_letter where state = 'open'"));
    }

    private static int PartitionOfMore(int content) => Partitioner.PartitionOf(new ContentId(content), MorePartitions);
}
