using System.Data;
using System.Text.Json;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.Settlement.Source;

/// <param name="Day">The day whose closing caused the entry; its lines may adjust others.</param>
internal sealed record EntryRow(
    long EntryId, long RunId, BusinessDay Day, int Attempt, PriceKind Kind, string Currency, DateTimeOffset PostedAt, long Lines, Micros Amount);

/// <param name="Creator">Null for an expense account.</param>
internal sealed record PostingRow(string Account, long? Creator, Micros Amount);

internal sealed record EntryPage(EntryRow Entry, long Postings, IReadOnlyList<PostingRow> Largest, JsonElement Manifest);

/// <param name="Accounts">How many accounts stand behind the line.</param>
internal sealed record BalanceRow(string Account, long Accounts, long Postings, Micros Amount);

internal sealed record StatementRow(BusinessDay Day, PriceKind Kind, long Contents, long Units, Micros Amount);

/// <summary>The books, read.</summary>
internal sealed class LedgerQuery(NpgsqlDataSource postgres)
{
    private const string Entry = """
        select entry.id, run_id, log_date, attempt, entry.kind, entry.currency, entry.posted_at,
          (manifest -> 'entries' -> entry.kind ->> 'lines')::bigint, (manifest -> 'entries' -> entry.kind ->> 'amountMicros')::bigint
        from settlement.entry join settlement.run on run.id = run_id
        """;

    /// <param name="day">Only entries that were caused by this day or hold a line of it; null for all.</param>
    /// <param name="before">Only entries with a lower id: the page after the last one seen.</param>
    /// <returns>Newest first.</returns>
    public async Task<IReadOnlyList<EntryRow>> EntriesAsync(BusinessDay? day, long before, int limit, CancellationToken cancel)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        await using var command = day is { } of
            ? connection.Command($"""
                {Entry}
                where entry.id < $1 and (log_date = $3 or entry.id in (select entry_id from settlement.payout_line where payout_line.log_date = $3))
                order by entry.id desc limit $2
                """, before, limit, of.Date)
            : connection.Command($"{Entry} where entry.id < $1 order by entry.id desc limit $2", before, limit);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<EntryRow>();
        while (await reader.ReadAsync(cancel)) rows.Add(Row(reader));
        return rows;
    }

    /// <returns>Null when there is no such entry.</returns>
    public async Task<EntryPage?> EntryAsync(long entryId, int limit, CancellationToken cancel)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        EntryRow entry;
        await using (var command = connection.Command($"{Entry} where entry.id = $1", entryId))
        await using (var reader = await command.ExecuteReaderAsync(cancel))
        {
            if (!await reader.ReadAsync(cancel)) return null;
            entry = Row(reader);
        }
        long postings;
        JsonElement manifest;
        await using (var command = connection.Command("""
            select (select count(*) from settlement.posting where entry_id = $1), (select manifest::text from settlement.run where id = $2)
            """, entryId, entry.RunId))
        await using (var reader = await command.ExecuteReaderAsync(cancel))
        {
            await reader.ReadAsync(cancel);
            (postings, manifest) = (reader.GetInt64(0), JsonElement.Parse(reader.GetString(1)));
        }
        return new EntryPage(entry, postings, await PostingsAsync(connection, entryId, limit, cancel), manifest);
    }

    /// <returns>Expense per kind, then everything owed to creators; the amounts sum to zero.</returns>
    public async Task<IReadOnlyList<BalanceRow>> BalanceAsync(CancellationToken cancel)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        await using var command = connection.Command("""
            select coalesce('expense/' || expense_kind, 'creators'), count(distinct account.id), count(posting.entry_id), coalesce(sum(amount_micros), 0)::bigint
            from settlement.account left join settlement.posting on account_id = account.id
            group by expense_kind order by expense_kind is null, expense_kind desc
            """);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<BalanceRow>();
        while (await reader.ReadAsync(cancel))
            rows.Add(new BalanceRow(reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), new Micros(reader.GetInt64(3))));
        return rows;
    }

    /// <returns>Null when the books know no such creator.</returns>
    public async Task<(Micros Balance, IReadOnlyList<StatementRow> Rows)?> StatementAsync(
        CreatorId creator, BusinessDay from, BusinessDay to, CancellationToken cancel)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        await using var balance = connection.Command("select amount_micros from settlement.balance where creator_id = $1", creator.Value);
        if (await balance.ExecuteScalarAsync(cancel) is not long owed) return null;
        await using var command = connection.Command("""
            select log_date, kind, count(*), sum(units)::bigint, sum(amount_micros)::bigint
            from settlement.payout where creator_id = $1 and log_date between $2 and $3
            group by log_date, kind order by log_date, kind desc
            """, creator.Value, from.Date, to.Date);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<StatementRow>();
        while (await reader.ReadAsync(cancel))
        {
            rows.Add(new StatementRow(
                reader.GetDay(0), PriceKinds.Parse(reader.GetString(1)), reader.GetInt64(2), reader.GetInt64(3), new Micros(reader.GetInt64(4))));
        }
        return (new Micros(owed), rows);
    }

    private static async Task<IReadOnlyList<PostingRow>> PostingsAsync(NpgsqlConnection connection, long entryId, int limit, CancellationToken cancel)
    {
        await using var command = connection.Command("""
            select coalesce('expense/' || expense_kind, 'creator/' || creator_id), creator_id, amount_micros
            from settlement.posting join settlement.account on account.id = account_id
            where entry_id = $1 order by expense_kind is null, abs(amount_micros) desc, creator_id limit $2
            """, entryId, limit);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<PostingRow>();
        while (await reader.ReadAsync(cancel)) rows.Add(new PostingRow(reader.GetString(0), reader.GetNullable<long>(1), new Micros(reader.GetInt64(2))));
        return rows;
    }

    private static EntryRow Row(NpgsqlDataReader reader) => new(
        reader.GetInt64(0), reader.GetInt64(1), reader.GetDay(2), reader.GetInt32(3), PriceKinds.Parse(reader.GetString(4)), reader.GetString(5),
        reader.GetMoment(6), reader.GetInt64(7), new Micros(reader.GetInt64(8)));
}
