using System.Data.Common;
using System.Globalization;
using MySqlConnector;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.DevStack.Truth;

/// <summary>
/// What must come out, computed by plain SQL over the source in MariaDB: it shares no code with the services. The default rate
/// card stands here a second time on purpose.
/// </summary>
internal sealed class SourceTruth(MySqlDatabase source, PostgresDatabase books)
{
    /// <summary>Marginal tiers of the default card: 1.0, 1.1, 1.3, 1.5 won a view below 100,000, 500,000, 1,000,000 units and beyond.</summary>
    private const string ViewPrice = "(1000000 * least({0}, 100000) + 1100000 * greatest(least({0}, 500000) - 100000, 0) + 1300000 * greatest(least({0}, 1000000) - 500000, 0) + 1500000 * greatest({0} - 1000000, 0))";

    private const string AdPrice = "(10000000 * least({0}, 100000) + 12000000 * greatest(least({0}, 500000) - 100000, 0) + 15000000 * greatest(least({0}, 1000000) - 500000, 0) + 20000000 * greatest({0} - 1000000, 0))";

    /// <summary>Rollups, payouts and balances against the source.</summary>
    /// <param name="postedDays">Days that are paid; rollups of other days are compared, payouts are expected for these only.</param>
    public async Task<IReadOnlyList<Comparison>> CompareAsync(IReadOnlyCollection<BusinessDay> postedDays, CancellationToken token)
    {
        var days = postedDays.Count == 0 ? "''" : string.Join(',', postedDays.Select(day => $"'{day}'"));
        var payouts = $"""
            with units as (
              select l.log_date, l.content_post_id content_id, c.creator_id, 'view' kind, count(*) units
                from daily_member_view_log l join content_post c on c.id = l.content_post_id
               where l.status = 'COMPLETED' group by 1, 2, 3
              union all
              select l.log_date, l.content_post_id, c.creator_id, 'ad', count(*)
                from ad_view_log l join content_post c on c.id = l.content_post_id group by 1, 2, 3),
            cumulative as (
              select u.*, sum(units) over (partition by kind, content_id order by log_date, creator_id) total from units u),
            priced as (
              select log_date, content_id, creator_id, kind, units,
                     case kind when 'view' then {Price(ViewPrice, "total")} - {Price(ViewPrice, "(total - units)")}
                               else {Price(AdPrice, "total")} - {Price(AdPrice, "(total - units)")} end amount
                from cumulative)
            """;
        return
        [
            await CompareAsync("views per content and day",
                """
                select date_format(l.log_date, '%Y-%m-%d'), l.content_post_id, c.creator_id, count(*), sum(l.watch_seconds)
                  from daily_member_view_log l join content_post c on c.id = l.content_post_id
                 where l.status = 'COMPLETED' group by 1, 2, 3
                """,
                "select to_char(log_date, 'YYYY-MM-DD'), content_id, creator_id, views, watch_seconds from rollup.content_daily where views <> 0", token),
            await CompareAsync("ad views per content, advertisement and day",
                """
                select date_format(l.log_date, '%Y-%m-%d'), l.content_post_id, l.advertisement_id, c.creator_id, count(*)
                  from ad_view_log l join content_post c on c.id = l.content_post_id group by 1, 2, 3, 4
                """,
                "select to_char(log_date, 'YYYY-MM-DD'), content_id, advertisement_id, creator_id, ad_views from rollup.ad_daily where ad_views <> 0", token),
            await CompareAsync("payouts per content, creator, day and kind",
                $"{payouts} select date_format(log_date, '%Y-%m-%d'), content_id, creator_id, kind, units, amount from priced where log_date in ({days})",
                """
                select to_char(log_date, 'YYYY-MM-DD'), content_id, creator_id, kind, units, amount_micros from settlement.payout
                 where units <> 0 or amount_micros <> 0
                """, token),
            await CompareAsync("balances per creator",
                $"{payouts} select creator_id, sum(amount) from priced where log_date in ({days}) group by 1 having sum(amount) <> 0",
                "select creator_id, amount_micros from settlement.balance where amount_micros <> 0", token),
        ];
    }

    /// <summary>Rows that can't be counted because the source has no such content, against the dead letters that wait for a decision.</summary>
    public Task<Comparison> CompareDeadLettersAsync(CancellationToken token) => CompareAsync("dead letters of unknown contents, by row",
        """
        select 'view-logs', l.id, date_format(l.log_date, '%Y-%m-%d') from daily_member_view_log l
         where l.status = 'COMPLETED' and not exists (select 1 from content_post c where c.id = l.content_post_id)
        union all
        select 'ad-views', l.id, date_format(l.log_date, '%Y-%m-%d') from ad_view_log l
         where not exists (select 1 from content_post c where c.id = l.content_post_id)
        """,
        "select stream, row_id, to_char(log_date, 'YYYY-MM-DD') from rollup.dead_letter where state = 'open' and reason = 'unknown-content'", token);

    private static string Price(string formula, string units) => string.Format(CultureInfo.InvariantCulture, formula, units);

    private async Task<Comparison> CompareAsync(string what, string ofSource, string ofBooks, CancellationToken token)
    {
        await using var mysql = await source.OpenAsync(token);
        await using var npgsql = new NpgsqlConnection(books.ConnectionString);
        await npgsql.OpenAsync(token);
        await using var expected = new MySqlCommand(ofSource, mysql) { CommandTimeout = 300 };
        await using var actual = new NpgsqlCommand(ofBooks, npgsql) { CommandTimeout = 300 };
        return Comparison.Of(what, await LinesAsync(expected, token), await LinesAsync(actual, token));
    }

    private static async Task<List<string>> LinesAsync(DbCommand query, CancellationToken token)
    {
        await using var reader = await query.ExecuteReaderAsync(token);
        var lines = new List<string>();
        var values = new object[reader.FieldCount];
        while (await reader.ReadAsync(token))
        {
            reader.GetValues(values);
            lines.Add(string.Join(' ', values.Select(value => Convert.ToString(value, CultureInfo.InvariantCulture))));
        }
        return lines;
    }
}
