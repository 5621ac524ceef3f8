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

    public static async IAsyncEnumerable<ReadOnlyMemory<Cell>> ReadAsync(
        NpgsqlConnection connection, PriceKind kind, BusinessDay upTo, [EnumeratorCancellation] CancellationToken cancel)
    {
        var cursor = $"cells_{kind.Name()}";
        var rollups = kind == PriceKind.View
            ? "select content_id, log_date, creator_id, views as units from rollup.content_daily"
            : "select content_id, log_date, creator_id, ad_views as units from rollup.ad_daily";
        await using (var declare = connection.Command($"""
            declare {cursor} no scroll cursor for
            select content_id, log_date, creator_id, sum(units)::bigint, sum(posted_units)::bigint, sum(posted_micros)::bigint
            from (
              select content_id, log_date, creator_id, units, 0::bigint as posted_units, 0::bigint as posted_micros
              from ({rollups}) rollups where log_date <= '{upTo}'
              union all
              select content_id, log_date, creator_id, 0, units, amount_micros
              from settlement.payout_line where kind = '{kind.Name()}'
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
