using Npgsql;
using NpgsqlTypes;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;
using StreamSettlement.Settlement.Source;

namespace StreamSettlement.Settlement.Sink;

/// <summary>Writes entries. Everything of one entry is written in the transaction that opens it; the database insists on it.</summary>
internal static class Ledger
{
    public static async Task<long> OpenEntryAsync(
        NpgsqlConnection connection, long runId, PriceKind kind, string currency, DateTimeOffset now, CancellationToken cancel)
    {
        await using var command = connection.Command(
            // xact is set by the table itself.
            "insert into settlement.entry (run_id, kind, currency, posted_at) values ($1, $2, $3, $4) returning id",
            runId, kind.Name(), currency, now);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    public static async Task WriteLinesAsync(
        NpgsqlConnection connection, long entryId, PriceKind kind, IReadOnlyList<PayoutLine> lines, CancellationToken cancel)
    {
        var name = kind.Name();
        await using var copy = await connection.BeginBinaryImportAsync(
            "copy settlement.payout_line (entry_id, content_id, log_date, creator_id, kind, units, amount_micros) from stdin (format binary)", cancel);
        foreach (var line in lines)
        {
            await copy.StartRowAsync(cancel);
            await copy.WriteAsync(entryId, NpgsqlDbType.Bigint, cancel);
            await copy.WriteAsync(line.Content.Value, NpgsqlDbType.Bigint, cancel);
            await copy.WriteAsync(line.Day.Date, NpgsqlDbType.Date, cancel);
            await copy.WriteAsync(line.Creator.Value, NpgsqlDbType.Bigint, cancel);
            await copy.WriteAsync(name, NpgsqlDbType.Text, cancel);
            await copy.WriteAsync(line.Units, NpgsqlDbType.Bigint, cancel);
            await copy.WriteAsync(line.Amount.Value, NpgsqlDbType.Bigint, cancel);
        }
        await copy.CompleteAsync(cancel);
    }

    /// <summary>A posting per creator from the stored lines and the expense against them, then the stored sums against the computed ones.</summary>
    /// <exception cref="BooksDifferException">They differ, or the entry does not sum to zero.</exception>
    public static async Task PostEntryAsync(
        NpgsqlConnection connection, long entryId, PriceKind kind, RunTotals totals, CancellationToken cancel)
    {
        await using (var accounts = connection.Command("""
            insert into settlement.account (creator_id)
            select distinct creator_id from settlement.payout_line where entry_id = $1
            except select creator_id from settlement.account
            """, entryId))
            await accounts.ExecuteNonQueryAsync(cancel);
        await using (var postings = connection.Command("""
            with owed as (
              select creator_id, sum(amount_micros) as amount_micros from settlement.payout_line where entry_id = $1 group by creator_id
            )
            insert into settlement.posting (entry_id, account_id, amount_micros)
            select $1, account.id, owed.amount_micros::bigint from owed join settlement.account using (creator_id)
            union all
            select $1, account.id, (select -sum(amount_micros) from owed)::bigint from settlement.account where expense_kind = $2
            """, entryId, kind.Name()))
            await postings.ExecuteNonQueryAsync(cancel);

        await using var sums = connection.Command("""
            select
              (select count(*) from settlement.payout_line where entry_id = $1),
              (select coalesce(sum(units), 0)::text from settlement.payout_line where entry_id = $1),
              (select coalesce(sum(amount_micros), 0)::text from settlement.posting join settlement.account on id = account_id
               where entry_id = $1 and creator_id is not null),
              (select coalesce(sum(amount_micros), 0)::text from settlement.posting where entry_id = $1)
            """, entryId);
        await using var reader = await sums.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        var stored = new RunTotals(reader.GetInt64(0), Numbers.Long(reader.GetString(1)), Numbers.Int128(reader.GetString(2)));
        var balance = Numbers.Int128(reader.GetString(3));
        if (stored != totals || balance != 0)
            throw new BooksDifferException(
                $"entry {entryId} ({kind.Name()}): computed {totals.Lines} lines, {totals.Units} units, {totals.Amount} micros; stored {stored.Lines} lines, "
                + $"{stored.Units} units, {stored.Amount} micros to creators, sum {balance}; nothing was posted");
    }

    public static async Task SaveRunAsync(
        NpgsqlConnection connection, RunPlan plan, int attempt, string manifest, DateTimeOffset now, CancellationToken cancel)
    {
        await using var command = connection.Command(
            "insert into settlement.run (id, log_date, attempt, posted_at, manifest) values ($1, $2, $3, $4, $5::jsonb)",
            plan.RunId, plan.Day.Date, attempt, now, manifest);
        await command.ExecuteNonQueryAsync(cancel);
    }
}
