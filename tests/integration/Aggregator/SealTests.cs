using StreamSettlement.Contracts;

namespace StreamSettlement.IntegrationTests.Aggregator;

public sealed class SealTests(Servers servers)
{
    [Fact]
    public async Task A_marker_seals_exactly_what_stands_before_it_in_its_partition()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        var rows = TestRows.Of(seed: 51, rows: 2_000);
        await log.ProduceAsync(rows);
        log.Produce(TestRows.Marker(SourceStream.ViewLogs));
        log.Produce(TestRows.Marker(SourceStream.AdViews));
        await log.StartAggregatorAsync();
        await log.CaughtUpAsync();
        // Behind the marker: not in attempt 1, but in attempt 2. Redelivered rows change nothing.
        await log.ProduceAsync(TestRows.Of(seed: 52, rows: 300, firstId: 10_000));
        await log.ProduceAsync(rows);
        log.Produce(TestRows.Marker(SourceStream.ViewLogs));
        log.Produce(TestRows.Marker(SourceStream.ViewLogs, attempt: 2));
        await log.CaughtUpAsync();

        await AssertSealedAsync("view-logs", attempt: 1, below: 10_000);
        await AssertSealedAsync("ad-views", attempt: 1, below: 10_000);
        await AssertSealedAsync("view-logs", attempt: 2, below: long.MaxValue);
        Assert.Equal(3 * log.Partitions, await log.CountAsync("select count(*) from rollup.seal"));
        Assert.Equal(3 * log.Partitions, await log.CountAsync($"""
            select count(*) from rollup.seal where marker_rows = 1000 and marker_id_sum = 18446744073709551615 and marker_watch_seconds = 2000
              and cutoff = '2026-03-14T15:00:00Z' and horizon = cutoff and log_date = '{TestRows.Day}'
            """));
        await log.AssertEqualToProducedAsync();

        async Task AssertSealedAsync(string stream, int attempt, long below) => Assert.Equal(1, await log.CountAsync($"""
            select count(*)
            from (select sum(own_rows) as rows, mod(sum(own_id_sum), 18446744073709551616) as ids, sum(own_watch_seconds) as seconds
                  from rollup.seal where stream = '{stream}' and attempt = {attempt}) s
            join (select count(*) as rows, sum(id) as ids, sum(watch_seconds) as seconds
                  from (select distinct * from produced.row
                        where completed and stream = '{stream}' and log_date = '{TestRows.Day}' and id < {below}) r) p
              using (rows, ids, seconds)
            """));
    }

    [Fact]
    public async Task A_marker_of_an_empty_day_seals_zero()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        log.Produce(TestRows.Marker(SourceStream.AdViews));
        await log.StartAggregatorAsync();
        await log.CaughtUpAsync();
        Assert.Equal(log.Partitions, await log.CountAsync("select count(*) from rollup.seal where own_rows = 0 and own_id_sum = 0 and own_watch_seconds = 0"));
        Assert.Equal(1, await log.CountAsync($"select generation from rollup.day_generation where log_date = '{TestRows.Day}'"));
    }

    [Fact]
    public async Task Rows_behind_the_cutoff_are_marked_late_also_by_the_next_owner()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        var (late, early) = (TestRows.View(2), TestRows.View(3));
        late.UpdatedAt = TestRows.Cutoff.Micros;
        log.Produce(TestRows.View(1));
        log.Produce(TestRows.Marker(SourceStream.ViewLogs));
        await using (await log.StartAggregatorAsync("before")) await log.CaughtUpAsync();
        log.Produce(late);
        log.Produce(early);
        await log.StartAggregatorAsync("after");
        await log.CaughtUpAsync();
        Assert.Equal(3, await log.CountAsync("select views from rollup.content_day"));
        Assert.Equal(1, await log.CountAsync("select late_views from rollup.content_day"));
    }

    [Fact]
    public async Task A_seal_is_announced()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        log.Produce(TestRows.Marker(SourceStream.ViewLogs));
        await log.StartAggregatorAsync();
        await log.CaughtUpAsync();
        IReadOnlyList<Confluent.Kafka.Message<byte[], byte[]>> events = [];
        await LogUnderTest.UntilAsync(() => Task.FromResult((events = log.Read(log.Topics.Events)).Count > 0), () => Task.FromResult("no event"));
        var happened = ControlJson.Deserialize<ControlEvent>(events[0].Value);
        Assert.Equal((EventKind.DaySealed, TestRows.Day, "aggregator"), (happened.Kind, happened.Day, happened.Source));
    }
}
