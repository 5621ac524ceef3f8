using System.Runtime.CompilerServices;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.Settlement.Source;

/// <summary>Cells through a server-side cursor: the server sorts and merges, the client holds one batch.</summary>
internal static class CellReader
{
    /// <summary>Cells fetched at once; bounds the memory of a run.</summary>
    public const int BatchCells = 8_192;

    // Until the transaction ends. A cursor is planned for its first tenth unless told otherwise, and tables that have just been filled
    // have no statistics: both led to nested loops over 100,000 × 100,000 rows. Hash and merge joins are linear whatever is known.
    private const string PlanForAllRows =
        "set local cursor_tuple_fraction = 1; set local enable_nestloop = off; set local jit = off; set local work_mem = '32MB'";

    public static async IAsyncEnumerable<ReadOnlyMemory<Cell>> ReadAsync(
        NpgsqlConnection connection, PriceKind kind, BusinessDay from, BusinessDay upTo, [EnumeratorCancellation] CancellationToken cancel)
    {
        var cursor = $"cells_{kind.Name()}";
        // Earlier days count for the tiers only: the server adds them up.
        var earlier = from.Date == DateOnly.MinValue ? "" : $"""
            union all
            select content_id, date '{from.AddDays(-1)}', 0, sum(units), 0, 0 from rollups
            where log_date < '{from}' and content_id in (select content_id from rollups where log_date between '{from}' and '{upTo}')
            group by content_id
            """;
        var rollups = kind == PriceKind.View
            ? "select content_id, log_date, creator_id, views as units from rollup.content_daily"
            : "select content_id, log_date, creator_id, ad_views as units from rollup.ad_content_daily";
        await using (var plan = connection.Command(PlanForAllRows)) await plan.ExecuteNonQueryAsync(cancel);
        await using (var declare = connection.Command($"""
            declare {cursor} no scroll cursor for
            with rollups as not materialized ({rollups})
            select content_id, log_date, creator_id, sum(units)::bigint, sum(posted_units)::bigint, sum(posted_micros)::bigint
            from (
              select content_id, log_date, creator_id, units, 0::bigint as posted_units, 0::bigint as posted_micros
              from rollups where log_date between '{from}' and '{upTo}'
              union all
              select content_id, log_date, creator_id, 0, units, amount_micros
              from settlement.payout_line where kind = '{kind.Name()}' and log_date >= '{from}'
              {earlier}
            ) cell
            group by content_id, log_date, creator_id
            order by content_id, log_date, creator_id
            """))
            await declare.ExecuteNonQueryAsync(cancel);

        var batch = new Cell[BatchCells];
        int count;
        do
        {
            count = 0;
            await using var fetch = connection.Command($"fetch {BatchCells} from {cursor}");
            await using (var reader = await fetch.ExecuteReaderAsync(cancel))
            {
                while (await reader.ReadAsync(cancel))
                {
                    batch[count++] = new Cell(
                        new ContentId(reader.GetInt64(0)), reader.GetDay(1), new CreatorId(reader.GetInt64(2)),
                        reader.GetInt64(3), reader.GetInt64(4), new Micros(reader.GetInt64(5)));
                }
            }
            if (count > 0) yield return batch.AsMemory(0, count);
        }
        while (count == BatchCells);

        await using var close = connection.Command($"close {cursor}");
        await close.ExecuteNonQueryAsync(cancel);
    }
}
