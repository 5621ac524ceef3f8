using Npgsql;
using StreamSettlement.Aggregator;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Hosting;

namespace StreamSettlement.IntegrationTests.Aggregator;

/// <summary>The rows of <c>rollup.ad_content_day</c>.</summary>
public sealed class AdRowsTests(Servers servers)
{
    private const string LastTableOfAdvertisements = "002_decisions.sql";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_row_that_many_chunks_add_to_stays_within_twice_its_advertisements()
    {
        await using var log = await LogUnderTest.StartAsync(servers, partitions: 1);
        await log.StartAggregatorAsync(environment: [("Aggregator__ChunkTime", "00:00:00.010")]);
        // One content with 20 advertisements: 60 chunks would leave 1,200 lines.
        for (var chunk = 0; chunk < 60; chunk++)
        {
            await log.ProduceAsync(new TestRows([], [.. Enumerable.Range(0, 20).Select(ad => TestRows.Ad((chunk * 20) + ad + 1, content: 1, advertisement: ad + 1))]));
            await log.CaughtUpAsync();
        }
        await log.AssertEqualToProducedAsync();
        Assert.Equal(1_200, await log.CountAsync("select ad_views from rollup.ad_content_day"));
        Assert.InRange(await log.CountAsync("select array_length(lines, 1) from rollup.ad_content_day"), 20, (2 * 20) + 32);
        Assert.Equal(20, await log.CountAsync("select count(*) from rollup.ad_daily where ad_views = 60"));
    }

    [Fact]
    public async Task A_table_of_advertisements_is_taken_over_as_it_was()
    {
        await using var database = await servers.NewPostgresDatabaseAsync();
        await database.ExecuteAsync("create schema rollup; create table rollup.schema_version (version int primary key, file text not null, applied_at timestamptz not null default now())", Token);
        foreach (var (file, version) in new[] { ("001_rollup.sql", 1), (LastTableOfAdvertisements, 2) })
        {
            using var sql = new StreamReader(typeof(AggregatorOptions).Assembly.GetManifestResourceStream($"Schema/{file}")!);
            await database.ExecuteAsync(await sql.ReadToEndAsync(Token), Token);
            await database.ExecuteAsync($"insert into rollup.schema_version (version, file) values ({version}, '{file}')", Token);
        }
        await database.ExecuteAsync("""
            insert into rollup.day_generation values ('2026-11-20', 1), ('2026-11-21', 1);
            insert into rollup.ad_day (generation, log_date, content_id, advertisement_id, creator_id, ad_views, late_ad_views)
            select 1, date '2026-11-20' + n % 2, n % 7, n % 5, n % 3, sum(n), sum(n / 2) from generate_series(1, 400) n group by 2, 3, 4, 5
            """, Token);
        var before = await RowsAsync(database);
        var late = await database.ScalarAsync("select sum(late_ad_views) from rollup.ad_day", Token);

        await using (var postgres = NpgsqlDataSource.Create(database.ConnectionString))
            await PostgresSchema.MigrateAsync(postgres, "rollup", typeof(AggregatorOptions).Assembly, Token);

        Assert.NotEmpty(before);
        Assert.Equal(before, await RowsAsync(database));
        Assert.Equal(late, await database.ScalarAsync("select sum(late_ad_views) from rollup.ad_content_day", Token));
        Assert.Equal(
            await database.ScalarAsync("select sum(ad_views)::bigint from rollup.ad_daily", Token), await database.ScalarAsync("select sum(ad_views)::bigint from rollup.ad_content_daily", Token));
    }

    private static Task<List<string>> RowsAsync(PostgresDatabase database) => database.QueryAsync(
        "select concat_ws(' ', log_date, content_id, advertisement_id, creator_id, ad_views) from rollup.ad_daily order by 1", row => row.GetString(0), Token);
}
