using System.Text;
using Npgsql;
using StreamSettlement.Contracts;

namespace StreamSettlement.Settlement.Source;

/// <param name="Day">Null for a record whose day can't be read: it blocks every day.</param>
/// <param name="RowId">Id in the source, where the record has one.</param>
/// <param name="Key">The record's key as text; null when it has none or it is no text.</param>
/// <param name="ValueBytes">Length of the record's value; null when it has none. The bytes are in the dead-letter topic.</param>
internal sealed record LetterRow(
    long Id, string Stream, int Partition, long Offset, BusinessDay? Day, long? RowId, int? SourceEpoch, string Reason, string Detail, string? Key,
    int? ValueBytes, string State, string? DecidedBy, string? DecidedReason, DateTimeOffset? DecidedAt, DateTimeOffset CreatedAt)
{
    /// <summary>The day that a command about it names.</summary>
    public BusinessDay CommandDay => Day ?? new BusinessDay(DateOnly.FromDateTime(CreatedAt.UtcDateTime));
}

/// <summary>Dead letters for people. The aggregator alone writes them.</summary>
internal sealed class LetterQuery(NpgsqlDataSource postgres)
{
    private const string Columns = """
        select id, stream, partition, kafka_offset, log_date, row_id, source_epoch, reason, detail, key, octet_length(value), state, decided_by, decided_reason,
          decided_at, created_at
        from rollup.dead_letter
        """;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <param name="day">Letters that concern it: its own and those of no known day. Null for all.</param>
    /// <param name="state">Null for every state.</param>
    /// <returns>Oldest first.</returns>
    public async Task<IReadOnlyList<LetterRow>> ListAsync(BusinessDay? day, string? state, int limit, CancellationToken cancel)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        return await ListAsync(connection, day, state, limit, cancel);
    }

    public static Task<IReadOnlyList<LetterRow>> ListAsync(NpgsqlConnection connection, BusinessDay? day, string? state, int limit, CancellationToken cancel) =>
        ReadAsync(connection.Command(
            Columns + " where ($1::date is null or log_date = $1 or log_date is null) and ($2::text is null or state = $2) order by id limit $3", day?.Date, state, limit), cancel);

    public async Task<LetterRow?> FindAsync(long id, CancellationToken cancel)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        return (await ReadAsync(connection.Command(Columns + " where id = $1", id), cancel)).SingleOrDefault();
    }

    private static async Task<IReadOnlyList<LetterRow>> ReadAsync(NpgsqlCommand query, CancellationToken cancel)
    {
        await using var command = query;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<LetterRow>();
        while (await reader.ReadAsync(cancel))
        {
            rows.Add(new LetterRow(
                reader.GetInt64(0), reader.GetString(1), reader.GetInt32(2), reader.GetInt64(3), reader.IsDBNull(4) ? null : reader.GetDay(4),
                reader.GetNullable<long>(5), reader.GetNullable<int>(6), reader.GetString(7), reader.GetString(8),
                reader.IsDBNull(9) ? null : Text(reader.GetFieldValue<byte[]>(9)), reader.GetNullable<int>(10), reader.GetString(11), reader.GetText(12), reader.GetText(13),
                reader.IsDBNull(14) ? null : reader.GetMoment(14), reader.GetMoment(15)));
        }
        return rows;
    }

    private static string? Text(byte[] key)
    {
        try
        {
            return Strict.GetString(key);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
