using System.Globalization;
using MySql.Data.MySqlClient;
using Npgsql;
using StreamSettlement.Contracts;

namespace StreamSettlement.IntegrationTests.EndToEnd;

/// <summary>
/// What must come out, computed by plain SQL over the source in MariaDB: it shares no code with the services. The default rate
/// card stands here a second time on purpose.
/// </summary>
internal sealed class SourceTruth(Stack stack)
{
    /// <summary>Marginal tiers of the default card: 1.0, 1.1, 1.3, 1.5 won a view below 100,000, 500,000, 1,000,000 units and beyond.</summary>
    private const string ViewPrice = "(1000000 * least({0}, 100000) + 1100000 * greatest(least({0}, 500000) - 100000, 0) + 1300000 * greatest(least({0}, 1000000) - 500000, 0) + 1500000 * greatest({0} - 1000000, 0))";

    private const string AdPrice = "(10000000 * least({0}, 100000) + 12000000 * greatest(least({0}, 500000) - 100000, 0) + 15000000 * greatest(least({0}, 1000000) - 500000, 0) + 20000000 * greatest({0} - 1000000, 0))";

    /// <summary>Fails with the first differing line where rollups, payouts or balances are not what the source says.</summary>
    /// <param name="postedDays">Days that are paid; rollups of other days are compared, payouts are expected for these only.</param>
    public async Task AssertEqualAsync(IReadOnlyCollection<BusinessDay> postedDays)
    {
        await AssertSameAsync("views per content and day",
            """
            select date_format(l.log_date, '%Y-%m-%d'), l.content_post_id, c.creator_id, count(*), sum(l.watch_seconds)
              from daily_member_view_log l join content_post c on c.id = l.content_post_id
             where l.status = 'COMPLETED' group by 1, 2, 3 order by 1, 2, 3
            """,
            "select to_char(log_date, 'YYYY-MM-DD'), content_id, creator_id, views, watch_seconds from rollup.content_daily where views <> 0 order by 1, 2, 3");
        await AssertSameAsync("ad views per content, advertisement and day",
            """
            select date_format(l.log_date, '%Y-%m-%d'), l.content_post_id, l.advertisement_id, c.creator_id, count(*)
              from ad_view_log l join content_post c on c.id = l.content_post_id
             group by 1, 2, 3, 4 order by 1, 2, 3, 4
            """,
            "select to_char(log_date, 'YYYY-MM-DD'), content_id, advertisement_id, creator_id, ad_views from rollup.ad_daily where ad_views <> 0 order by 1, 2, 3, 4");

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
        await AssertSameAsync("payouts",
            $"{payouts} select date_format(log_date, '%Y-%m-%d'), content_id, creator_id, kind, units, amount from priced where log_date in ({days}) order by 1, 2, 3, 4",
            """
            select to_char(log_date, 'YYYY-MM-DD'), content_id, creator_id, kind collate "C", units, amount_micros from settlement.payout
             where units <> 0 or amount_micros <> 0 order by 1, 2, 3, 4
            """);
        await AssertSameAsync("balances",
            $"{payouts} select creator_id, sum(amount) from priced where log_date in ({days}) group by 1 having sum(amount) <> 0 order by 1",
            "select creator_id, amount_micros from settlement.balance where amount_micros <> 0 order by 1");
    }

    private static string Price(string formula, string units) => string.Format(CultureInfo.InvariantCulture, formula, units);

    private async Task AssertSameAsync(string what, string source, string books)
    {
        var expected = await LinesOfSourceAsync(source);
        var actual = await LinesOfBooksAsync(books);
        for (var i = 0; i < Math.Min(expected.Count, actual.Count); i++)
            Assert.True(expected[i] == actual[i], $"{what}: line {i} is {actual[i]}, the source says {expected[i]}");
        Assert.True(expected.Count == actual.Count, $"{what}: {actual.Count} lines, the source says {expected.Count}");
    }

    private async Task<List<string>> LinesOfSourceAsync(string sql)
    {
        await using var connection = await stack.Source.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new MySqlCommand(sql, connection) { CommandTimeout = 300 };
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        return await LinesAsync(reader);
    }

    private async Task<List<string>> LinesOfBooksAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(stack.Postgres.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 300 };
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        return await LinesAsync(reader);
    }

    private static async Task<List<string>> LinesAsync(System.Data.Common.DbDataReader reader)
    {
        var lines = new List<string>();
        var values = new object[reader.FieldCount];
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
        {
            reader.GetValues(values);
            lines.Add(string.Join(' ', values.Select(value => Convert.ToString(value, CultureInfo.InvariantCulture))));
        }
        return lines;
    }
}
