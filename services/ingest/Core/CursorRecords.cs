using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest.Core;

/// <summary>
/// What <c>ingest-cursors.v1</c> says, read from its beginning to its end: the newest record of each key, except that a day's attempt never
/// goes back. An ingest that was halted while it marked a day may wake after another has gone on, and write its old record behind the new one;
/// taken for the truth, the next repair would mark an attempt a second time, and nobody counts that. (A stream's older cursor is harmless: rows are
/// published again.)
/// </summary>
internal sealed class CursorRecords
{
    private readonly Dictionary<SourceStream, StreamCursor> _cursors;
    private readonly Dictionary<string, DayRecord> _days;

    public CursorRecords() => (_cursors, _days) = ([], []);

    /// <summary>What has been read so far, whatever is read later.</summary>
    public CursorRecords(CursorRecords soFar) => (_cursors, _days) = (new(soFar._cursors), new(soFar._days));

    public IEnumerable<DayRecord> Days => _days.Values;

    public StreamCursor? CursorOf(SourceStream stream) => _cursors.GetValueOrDefault(stream);

    /// <summary>Takes the topic's next record.</summary>
    /// <param name="value">Null where somebody deleted what the key said before.</param>
    /// <exception cref="System.Text.Json.JsonException">The value is not what ingest writes.</exception>
    public void Add(string key, byte[]? value)
    {
        if (SourceStreams.TryParse(key, out var stream))
        {
            if (value is null) _cursors.Remove(stream);
            else _cursors[stream] = ControlJson.Deserialize<StreamCursor>(value);
        }
        else if (key.StartsWith(DayRecord.KeyPrefix, StringComparison.Ordinal))
        {
            var record = value is null ? null : ControlJson.Deserialize<DayRecord>(value);
            if (record is null) _days.Remove(key);
            else if (!_days.TryGetValue(key, out var known) || record.Attempt >= known.Attempt) _days[key] = record;
        }
    }
}
