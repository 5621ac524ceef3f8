using Npgsql;
using StreamSettlement.Contracts;

namespace StreamSettlement.Settlement.Source;

/// <summary>A content's figures of one day.</summary>
internal readonly record struct ContentDay(BusinessDay Day, long Views, long WatchSeconds, long AdViews, Micros ViewAmount, Micros AdAmount);

internal enum Ranking
{
    View,
    Ad,
    Watch,
    Payout,
}

/// <param name="Id">Content or creator.</param>
/// <param name="Value">Views, ad views, seconds or micro-units.</param>
internal readonly record struct Ranked(long Id, long Value);

/// <summary>Statistics, all from the figures per day.</summary>
internal sealed class StatsQuery(NpgsqlDataSource postgres)
{
    /// <returns>Days of the range on which the content has any figure, oldest first; null when it has none on any day at all.</returns>
    public async Task<IReadOnlyList<ContentDay>?> ContentAsync(ContentId content, BusinessDay from, BusinessDay to, CancellationToken cancel)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        // Joined to the days and the entries there are: their keys lead to the content without an index of its own.
        await using var command = connection.Command("""
            select log_date, sum(views)::bigint, sum(watch_seconds)::bigint, sum(ad_views)::bigint, sum(view_micros)::bigint, sum(ad_micros)::bigint
            from (
              select log_date, views, watch_seconds, 0 as ad_views, 0 as view_micros, 0 as ad_micros
              from rollup.content_daily where content_id = $1
              union all
              select log_date, 0, 0, ad_views, 0, 0 from rollup.ad_content_daily where content_id = $1
              union all
              select log_date, 0, 0, 0,
                case payout_line.kind when 'view' then amount_micros else 0 end, case payout_line.kind when 'ad' then amount_micros else 0 end
              from settlement.entry join settlement.payout_line on entry_id = entry.id where content_id = $1
            ) figures
            group by log_date order by log_date
            """, content.Value);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var (days, any) = (new List<ContentDay>(), false);
        while (await reader.ReadAsync(cancel))
        {
            any = true;
            var day = reader.GetDay(0);
            if (day < from || day > to) continue;
            days.Add(new ContentDay(
                day, reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), new Micros(reader.GetInt64(4)), new Micros(reader.GetInt64(5))));
        }
        return any ? days : null;
    }

    /// <param name="byCreator">Ranks creators instead of contents.</param>
    /// <returns>Highest first, of equal ones the lower id first; nothing with 0.</returns>
    public async Task<IReadOnlyList<Ranked>> TopAsync(
        Ranking kind, bool byCreator, BusinessDay from, BusinessDay to, int limit, CancellationToken cancel)
    {
        var (table, value) = kind switch
        {
            Ranking.View => ("rollup.content_daily", "views"),
            Ranking.Watch => ("rollup.content_daily", "watch_seconds"),
            Ranking.Ad => ("rollup.ad_content_daily", "ad_views"),
            _ => ("settlement.payout_line", "amount_micros"),
        };
        var id = byCreator ? "creator_id" : "content_id";
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        await using var command = connection.Command($"""
            select {id}, sum({value})::bigint from {table} where log_date between $1 and $2
            group by {id} having sum({value}) <> 0 order by 2 desc, 1 limit $3
            """, from.Date, to.Date, limit);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<Ranked>();
        while (await reader.ReadAsync(cancel)) rows.Add(new Ranked(reader.GetInt64(0), reader.GetInt64(1)));
        return rows;
    }
}
