using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.IntegrationTests.Ingest;

public sealed class PageQueriesTests(Servers servers)
{
    private static readonly SourceTime EndOfTime = SourceTime.FromUtc(new DateTime(2200, 1, 1, 0, 0, 0, DateTimeKind.Utc));

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100)]
    [InlineData(50_000)]
    public async Task Every_row_is_read_once_in_the_order_of_times_and_ids_whatever_the_page_size(int pageRows)
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        // Groups of equal times below, at and above the page size, single rows, and rows whose times run against their ids.
        foreach (var rows in new[] { 1, 99, 100, 101, 1, 1, 230, 7 }) await source.AddViewsAsync(rows);
        await source.ExecuteAsync("update daily_member_view_log set last_position_seconds = 601 where id % 9 = 0", TestContext.Current.CancellationToken);
        await source.ExecuteAsync("update daily_member_view_log set updated_at = date_add('2026-11-20', interval (1000 - id) second) where id % 11 = 0", TestContext.Current.CancellationToken);

        Assert.Equal(await source.IdsInOrderAsync("daily_member_view_log"), (await ReadAllAsync(source, pageRows)).Select(row => row.Id));
    }

    [Fact]
    public async Task Rows_that_arrive_while_paging_are_read_after_the_others()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await source.AddViewsAsync(50);
        var grown = false;
        var rows = await ReadAllAsync(source, 20, async () =>
        {
            if (grown) return;
            grown = true;
            await source.AddViewsAsync(30);
        });
        Assert.Equal(Enumerable.Range(1, 50).Select(id => (long)id), rows.Take(50).Select(row => row.Id));
        Assert.Equal(80, rows.Select(row => row.Id).Distinct().Count());
        Assert.Equal(80, rows.Count);
    }

    [Fact]
    public async Task Nothing_at_or_above_the_bound_is_read()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await source.AddViewsAsync(3);
        await source.ExecuteAsync("update daily_member_view_log set updated_at = concat('2026-11-21 00:00:0', id)", TestContext.Current.CancellationToken);
        var bound = SourceTime.FromUtc(new DateTime(2026, 11, 21, 0, 0, 2, DateTimeKind.Utc));
        await using var session = await OpenAsync(source);
        using var page = await session.ReadPageAsync(SourceStream.ViewLogs, SourcePosition.Beginning, bound, 10, TestContext.Current.CancellationToken);
        Assert.True(page.IsLast);
        Assert.Equal([1L], page.Rows.ToArray().Select(row => row.Id));
        Assert.Equal(page.Rows[0].Position, page.End);
    }

    [Fact]
    public async Task An_empty_page_ends_where_it_began()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await using var session = await OpenAsync(source);
        var at = new SourcePosition(SourceTime.FromUtc(new DateTime(2026, 11, 21, 0, 0, 0, DateTimeKind.Utc)), 5);
        using var page = await session.ReadPageAsync(SourceStream.AdViews, at, EndOfTime, 10, TestContext.Current.CancellationToken);
        Assert.Equal((0, at, true), (page.Count, page.End, page.IsLast));
    }

    [Fact]
    public async Task A_row_carries_its_columns_and_its_contents_creator_or_0()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await source.AddContentsAsync(2);
        await source.ExecuteAsync("insert into daily_member_view_log values (7, 3, 2, '2026-11-21', 300, 299, 'PAUSED', '2026-11-21 01:02:03.000004', '2026-11-21 01:02:03.000005'), "
            + "(8, 3, 99, '2026-11-21', 300, 299, 'COMPLETED', '2026-11-21 01:02:03.000004', '2026-11-21 01:02:03.000005')", TestContext.Current.CancellationToken);
        var rows = await ReadAllAsync(source, 10);
        Assert.Equal((7L, 3L, 2L, 1L, 20_261_121, 300, 299, 2), (rows[0].Id, rows[0].MemberId, rows[0].ContentId, rows[0].CreatorId, rows[0].LogDate, rows[0].WatchSeconds, rows[0].LastPositionSeconds, rows[0].Status));
        Assert.Equal(("2026-11-21T01:02:03.000004Z", "2026-11-21T01:02:03.000005Z"), (rows[0].CreatedAt.ToString(), rows[0].UpdatedAt.ToString()));
        Assert.Equal((99L, 0L, 3), (rows[1].ContentId, rows[1].CreatorId, rows[1].Status));
    }

    [Fact]
    public async Task Times_of_a_source_in_another_zone_are_taken_to_UTC()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await source.ExecuteAsync("insert into daily_member_view_log values (7, 3, 2, '2026-11-21', 300, 299, 'PAUSED', '2026-11-21 09:00:00', '2026-11-21 09:00:00')", TestContext.Current.CancellationToken);
        var rows = await ReadAllAsync(source, 10, options: Options(source, "+09:00"));
        Assert.Equal("2026-11-21T00:00:00.000000Z", Assert.Single(rows).UpdatedAt.ToString());
    }

    [Fact]
    public async Task A_days_pages_find_its_rows_across_gaps_and_nothing_else()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await source.AddViewsAsync(40);
        await source.AddViewsAsync(40, day: "2026-11-20");
        await source.ExecuteAsync("insert into daily_member_view_log select id + 1000000, member_id, content_post_id, log_date, watch_seconds, last_position_seconds, status, created_at, updated_at "
            + "from daily_member_view_log where id % 3 = 0; delete from daily_member_view_log where id between 10 and 30", TestContext.Current.CancellationToken);
        await using var session = await OpenAsync(source);
        var cancel = TestContext.Current.CancellationToken;
        var extent = await session.ReadExtentAsync(SourceStream.ViewLogs, SourceSql.Day, EndOfTime, cancel);
        var ids = new List<long>();
        await foreach (var page in session.ReadDayAsync(SourceStream.ViewLogs, SourceSql.Day, extent!.Ids, EndOfTime, 8, cancel))
        {
            Assert.InRange(page.Count, 0, 8);
            ids.AddRange(page.Rows.ToArray().Select(row => row.Id));
            page.Dispose();
        }
        Assert.Equal(await source.NumberAsync("select count(*) from daily_member_view_log where log_date = '2026-11-21'"), extent.Rows);
        Assert.Equal(extent.Rows, ids.Count);
        Assert.Equal(ids.Order(), ids.Distinct());
    }

    [Fact]
    public async Task Control_totals_are_those_of_completed_rows_of_the_day_below_the_bound()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await source.AddViewsAsync(40);
        await source.AddViewsAsync(5, status: "PAUSED");
        await source.AddViewsAsync(6, day: "2026-11-20");
        await source.AddAdsAsync(9);
        await source.ExecuteAsync("update daily_member_view_log set updated_at = '2030-01-01' where id = 1", TestContext.Current.CancellationToken);
        await using var session = await OpenAsync(source);
        var totals = await session.ReadTotalsAsync(SourceSql.Day, SourceTime.FromUtc(new DateTime(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc)), TestContext.Current.CancellationToken);
        // Ids 2 to 40 with as many seconds as their id; 1 lies at the bound.
        Assert.Equal(new ControlTotals(39, 819, 819), totals[SourceStream.ViewLogs]);
        Assert.Equal(new ControlTotals(9, 45, 0), totals[SourceStream.AdViews]);
        Assert.Equal(new ControlTotals(0, 0, 0), (await session.ReadTotalsAsync(BusinessDay.Of(2026, 1, 1), EndOfTime, TestContext.Current.CancellationToken))[SourceStream.ViewLogs]);
    }

    [Fact]
    public async Task The_sum_of_ids_is_taken_modulo_2_to_the_64()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await source.ExecuteAsync("insert into ad_view_log (id, member_id, content_post_id, advertisement_id, log_date) values "
            + "(9223372036854775807, 1, 1, 1, '2026-11-21'), (9223372036854775806, 1, 1, 1, '2026-11-21'), (9223372036854775805, 1, 1, 1, '2026-11-21')", TestContext.Current.CancellationToken);
        await using var session = await OpenAsync(source);
        var totals = await session.ReadTotalsAsync(SourceSql.Day, EndOfTime, TestContext.Current.CancellationToken);
        Assert.Equal(unchecked((ulong)long.MaxValue * 3 - 3), totals[SourceStream.AdViews].IdSum);
    }

    private static async Task<List<SourceRow>> ReadAllAsync(MySqlDatabase source, int pageRows, Func<Task>? between = null, IngestOptions? options = null)
    {
        await using var session = await OpenAsync(source, options);
        var rows = new List<SourceRow>();
        var at = SourcePosition.Beginning;
        while (true)
        {
            using var page = await session.ReadPageAsync(SourceStream.ViewLogs, at, EndOfTime, pageRows, TestContext.Current.CancellationToken);
            Assert.InRange(page.Count, 0, pageRows);
            rows.AddRange(page.Rows);
            at = page.End;
            if (page.IsLast) return rows;
            if (between is not null) await between();
        }
    }

    private static async Task<ISourceSession> OpenAsync(MySqlDatabase source, IngestOptions? options = null) =>
        await new MySqlSource(options ?? Options(source), TimeProvider.System).TryAcquireAsync(TestContext.Current.CancellationToken)
        ?? throw new InvalidOperationException("somebody else reads this database");

    private static IngestOptions Options(MySqlDatabase source, string offset = "+00:00") =>
        new() { KafkaBootstrap = "unused:1", MySql = source.IngestConnectionString, SourceTimeOffset = offset };
}
