using System.Data;
using System.Text.Json;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;
using StreamSettlement.Settlement.Sink;

namespace StreamSettlement.Settlement.Source;

internal sealed record DayRow(BusinessDay Day, DayStatus Status, int? Attempt, int Repairs, string? Detail, DateTimeOffset? PostedAt, DateTimeOffset ChangedAt);

/// <param name="Cells">(content, creator) pairs with a payout.</param>
internal sealed record PayoutRow(PriceKind Kind, long Cells, long Units, Micros Amount);

internal sealed record RunRow(long RunId, int Attempt, DateTimeOffset PostedAt, JsonElement Manifest);

internal sealed record DayPage(
    DayFacts Facts, IReadOnlyList<LetterRow> OpenLetters, IReadOnlyList<PayoutRow> Payouts, IReadOnlyList<RunRow> Runs, IReadOnlyList<JournalEntry> Journal);

/// <summary>Days for people: lists, and one day with everything about it.</summary>
internal sealed class DayQuery(NpgsqlDataSource postgres, DayJournal journal)
{
    /// <summary>Open dead letters that are shown with a day; the count says how many there are.</summary>
    private const int OpenLettersMax = 20;

    /// <returns>Newest first.</returns>
    public async Task<IReadOnlyList<DayRow>> ListAsync(BusinessDay from, BusinessDay to, int limit, CancellationToken cancel)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        await using var command = connection.Command("""
            select log_date, status, attempt, repairs, detail, posted_at, changed_at
            from settlement.day where log_date between $1 and $2 order by log_date desc limit $3
            """, from.Date, to.Date, limit);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<DayRow>();
        while (await reader.ReadAsync(cancel))
        {
            rows.Add(new DayRow(
                reader.GetDay(0), Enum.Parse<DayStatus>(reader.GetString(1)), reader.GetNullable<int>(2), reader.GetInt32(3), reader.GetText(4),
                reader.IsDBNull(5) ? null : reader.GetMoment(5), reader.GetMoment(6)));
        }
        return rows;
    }

    public async Task<DayPage> ReadAsync(BusinessDay day, CancellationToken cancel)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        return new DayPage(
            await DayReader.ReadAsync(connection, day, cancel),
            await LetterQuery.ListAsync(connection, day, "open", OpenLettersMax, cancel),
            await PayoutsAsync(connection, day, cancel),
            await RunsAsync(connection, day, cancel),
            await journal.ReadAsync(snapshot, day, cancel));
    }

    private static async Task<IReadOnlyList<PayoutRow>> PayoutsAsync(NpgsqlConnection connection, BusinessDay day, CancellationToken cancel)
    {
        await using var command = connection.Command("""
            select kind, count(*), sum(units)::bigint, sum(amount_micros)::bigint
            from settlement.payout where log_date = $1 group by kind order by kind desc
            """, day.Date);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<PayoutRow>();
        while (await reader.ReadAsync(cancel))
            rows.Add(new PayoutRow(PriceKinds.Parse(reader.GetString(0)), reader.GetInt64(1), reader.GetInt64(2), new Micros(reader.GetInt64(3))));
        return rows;
    }

    private static async Task<IReadOnlyList<RunRow>> RunsAsync(NpgsqlConnection connection, BusinessDay day, CancellationToken cancel)
    {
        await using var command = connection.Command(
            "select id, attempt, posted_at, manifest::text from settlement.run where log_date = $1 order by id", day.Date);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<RunRow>();
        while (await reader.ReadAsync(cancel))
            rows.Add(new RunRow(reader.GetInt64(0), reader.GetInt32(1), reader.GetMoment(2), JsonElement.Parse(reader.GetString(3))));
        return rows;
    }
}
