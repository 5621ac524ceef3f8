using System.Globalization;
using StreamSettlement.Contracts;

namespace StreamSettlement.IntegrationTests.Settlement;

/// <summary>Balances = payout lines = an independent computation in plain SQL, over many contents, days and closings.</summary>
public sealed class BooksBalanceTests(Servers servers)
{
    [Theory]
    [InlineData(1, 300, new[] { 0, 1, 2, 3 })]
    [InlineData(2, 300, new[] { 3, 1, 0, 2 })]
    [InlineData(3, 1, new[] { 2, 0, 3, 1 })]
    [InlineData(4, 3_000, new[] { 1, 0, 3, 2 })]
    public async Task The_books_equal_plain_SQL_over_the_rollups(int seed, int contents, int[] order)
    {
        await using var books = await Books.CreateAsync(servers);
        await FillAsync(books, seed, contents);
        foreach (var day in order) await books.CloseAsync(Day(day));
        await AssertBooksAsync(books);

        // Late rows for every day, then one close: all of them are adjusted.
        await FillAsync(books, seed + 100, contents);
        await books.CloseAsync(Day(order[0]), attempt: 2);
        await AssertBooksAsync(books);
        Assert.Equal(5, await books.CountAsync("run"));
    }

    private static string Day(int number) => string.Create(CultureInfo.InvariantCulture, $"2026-11-{16 + number}");

    /// <summary>Four days; units from a hash, so large that contents pass all tiers; a second creator for every seventh content.</summary>
    private static async Task FillAsync(Books books, int seed, int contents)
    {
        for (var day = 0; day < 4; day++)
        {
            await books.ExecuteAsync($"insert into rollup.day_generation values ('{Day(day)}', 1) on conflict do nothing");
            await books.Rollups.CountAsync(Day(day), SourceStream.ViewLogs, contents);
            await books.ExecuteAsync($"""
                insert into rollup.content_day (generation, log_date, content_id, creator_id, views, watch_seconds, late_views)
                select 1, '{Day(day)}', content, 1 + (content + second) % 50, abs(hashint8extended(content, {seed} * 10 + {day})) % 400000, 5, 0
                from generate_series(1, {contents}) content, generate_series(0, 1) second
                where second = 0 or content % 7 = 0
                on conflict (generation, log_date, content_id, creator_id) do update set views = content_day.views + excluded.views
                """);
            await books.ExecuteAsync($"""
                insert into rollup.ad_content_day as d (generation, log_date, content_id, creator_id, ad_views, late_ad_views, lines, summed_lines)
                select 1, '{Day(day)}', content, 1 + content % 50, sum(ads), 0, array_agg(array[advertisement, ads]), 2
                from generate_series(1, {contents}) content, generate_series(1::bigint, 2) advertisement,
                  lateral (select abs(hashint8extended(content * 3 + advertisement, {seed} * 10 + {day})) % 200000) hash (ads)
                where content % 5 <> 0
                group by content
                on conflict (generation, log_date, content_id, creator_id) do update set ad_views = d.ad_views + excluded.ad_views, lines = d.lines || excluded.lines
                """);
        }
    }

    private static async Task AssertBooksAsync(Books books)
    {
        Assert.Equal(0, await books.ScalarAsync<long>(TiersBySql.Differences));
        Assert.Equal(0, await books.ScalarAsync<long>("""
            select count(*) from (select creator_id, sum(amount_micros) from settlement.payout_line group by 1) line (creator_id, amount_micros)
            full join settlement.balance using (creator_id) where line.amount_micros is distinct from balance.amount_micros
            """));
        Assert.Equal(0, await books.ScalarAsync<decimal>("select sum(amount_micros) from settlement.posting"));
        Assert.Equal(0, await books.ScalarAsync<long>("select count(*) from (select entry_id from settlement.posting group by 1 having sum(amount_micros) <> 0) wrong"));
        Assert.True(await books.ScalarAsync<long>($"select sum(amount_micros)::bigint from ({TiersBySql.Expected}) expected") > 0);
    }
}
