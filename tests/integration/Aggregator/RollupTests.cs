namespace StreamSettlement.IntegrationTests.Aggregator;

public sealed class RollupTests(Servers servers)
{
    [Theory]
    [InlineData(1, 1_000, 200)]
    [InlineData(2, 30_000, 2_000)]
    [InlineData(3, 500, 1)]
    public async Task The_rollups_equal_plain_SQL_over_what_was_produced(int seed, int rows, int contents)
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.ProduceAsync(TestRows.Of(seed, rows, contents));
        await log.StartAggregatorAsync();
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
        Assert.Equal(0, await log.CountAsync("select count(*) from rollup.dead_letter"));
    }

    [Fact]
    public async Task Every_record_twice_counts_once()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        var rows = TestRows.Of(seed: 4, rows: 3_000);
        await log.StartAggregatorAsync();
        await log.ProduceAsync(rows);
        await log.ProduceAsync(rows.Shuffled(seed: 5));
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
    }

    [Fact]
    public async Task The_same_ids_of_a_restored_source_are_other_rows()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.ProduceAsync(TestRows.Of(seed: 6, rows: 300));
        await log.ProduceAsync(TestRows.Of(seed: 7, rows: 300, sourceEpoch: 2));
        await log.StartAggregatorAsync();
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
    }

    [Fact]
    public async Task Ids_that_are_far_apart_and_many_claims_survive_a_cache_of_one_megabyte()
    {
        await using var log = await LogUnderTest.StartAsync(servers, partitions: 2);
        // 30 blocks of 65,536 ids per partition and day, each a bitmap or on the way to it.
        for (var block = 1; block <= 30; block++) await log.ProduceAsync(TestRows.Of(seed: block, rows: 1_500, firstId: (long)block << 24));
        await log.StartAggregatorAsync(environment: [("Aggregator__ClaimCacheMegabytes", "1"), ("Aggregator__ChunkTime", "00:00:00.020")]);
        await log.CaughtUpAsync();
        for (var block = 1; block <= 30; block++) await log.ProduceAsync(TestRows.Of(seed: block, rows: 1_500, firstId: (long)block << 24));
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
    }

    [Fact]
    public async Task Rows_that_the_rule_excludes_are_kept_and_count_towards_the_totals_of_the_source()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await using (await log.StartAggregatorAsync("first"))
        {
            // Makes the schema; a rule is read when a partition is taken over.
        }
        await log.Postgres.ExecuteAsync("insert into rollup.eligibility_rule values (2, 30, '2026-03-14')", TestContext.Current.CancellationToken);
        await log.StartAggregatorAsync("second");
        await log.ProduceAsync(new TestRows([TestRows.View(1, seconds: 29), TestRows.View(2, seconds: 30), TestRows.View(1, seconds: 29)], []));
        await log.CaughtUpAsync();
        Assert.Equal(1, await log.CountAsync("select sum(views) from rollup.content_daily"));
        Assert.Equal(2, await log.CountAsync("select rule_version from rollup.excluded where row_id = 1"));
        Assert.Equal(59, await log.CountAsync("select watch_seconds from rollup.partition_day"));
        Assert.Equal(2, await log.CountAsync("select rows from rollup.partition_day"));
    }
}
