using System.Text.Json;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.Settlement.Sink;

/// <summary>A journal entry as it was appended.</summary>
/// <param name="Version">1 for the day's first event.</param>
/// <param name="Type">Name of the event's record.</param>
internal sealed record JournalEntry(int Version, string Type, JsonElement Data, DateTimeOffset HappenedAt);

/// <summary>
/// The days' journals where the feed lacks Marten: an append-only table, one stream per day, versions without gaps. Appended on the
/// connection of the transaction whose doing it tells of.
/// </summary>
internal static class DayJournal
{
    /// <exception cref="PostgresException">Another transaction appended to this day at the same time: nothing was appended.</exception>
    public static async Task AppendAsync(
        NpgsqlConnection connection, BusinessDay day, IReadOnlyList<DayJournalEvent> events, DateTimeOffset now, CancellationToken cancel)
    {
        foreach (var happened in events)
        {
            await using var command = new NpgsqlCommand("""
                insert into settlement.day_event (log_date, version, type, data, happened_at)
                select $1, coalesce(max(version), 0) + 1, $2, $3::jsonb, $4 from settlement.day_event where log_date = $1
                """, connection);
            command.Parameters.Add(new NpgsqlParameter { Value = day.Date });
            command.Parameters.Add(new NpgsqlParameter { Value = happened.GetType().Name });
            command.Parameters.Add(new NpgsqlParameter { Value = JsonSerializer.Serialize(happened, happened.GetType(), ControlJson.Options) });
            command.Parameters.Add(new NpgsqlParameter { Value = now.UtcDateTime });
            await command.ExecuteNonQueryAsync(cancel);
        }
    }

    /// <returns>The day's journal, oldest first.</returns>
    public static async Task<IReadOnlyList<JournalEntry>> ReadAsync(NpgsqlConnection connection, BusinessDay day, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            "select version, type, data::text, happened_at from settlement.day_event where log_date = $1 order by version", connection);
        command.Parameters.Add(new NpgsqlParameter { Value = day.Date });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var entries = new List<JournalEntry>();
        while (await reader.ReadAsync(cancel))
        {
            entries.Add(new JournalEntry(
                reader.GetInt32(0), reader.GetString(1), JsonElement.Parse(reader.GetString(2)), new DateTimeOffset(reader.GetDateTime(3), TimeSpan.Zero)));
        }
        return entries;
    }
}
