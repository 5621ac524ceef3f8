namespace StreamSettlement.DevBroker.Storage;

/// <summary>
/// Compacts closed segments: of each key the newest record stays, at its offset; the others go. What can't be looked
/// into stays whole. Memory grows with the number of different keys.
/// </summary>
internal sealed class LogCompaction
{
    private readonly Dictionary<string, long> _newest = [];

    /// <summary>Keys of which an older value stays, in a batch that would not be smaller without it.</summary>
    private readonly HashSet<string> _held = [];

    private readonly long _tombstonesUntil;
    private readonly long _keptOffset;

    /// <summary>Reads the segments through for the newest offset of each key.</summary>
    /// <param name="keptOffset">The batch that ends here stays, or a reader would wait for an end that no record has.</param>
    /// <param name="now">Ms since epoch.</param>
    public LogCompaction(Segment[] closed, LogLimits limits, long keptOffset, long now)
    {
        _keptOffset = keptOffset;
        _tombstonesUntil = now - limits.TombstoneMs;
        foreach (var segment in closed)
            foreach (var (_, batch, bytes) in segment.Batches())
            {
                var set = RecordSet.Read(bytes, batch);
                // An older value may be hidden in here: without its tombstone it would be back.
                if (set is null) _tombstonesUntil = long.MinValue;
                foreach (var record in set?.Records ?? [])
                    if (KeyOf(set!, record) is { } key)
                        _newest[key] = record.Offset;
            }
    }

    /// <summary>The segments that may be compacted: closed, and old enough.</summary>
    public static Segment[] Candidates(Segment[] segments, LogLimits limits, long now) =>
        [.. segments[..^1].TakeWhile(segment => limits.CompactionLagMs == 0 || segment.MaxTimestamp <= now - limits.CompactionLagMs)];

    /// <param name="compactedTo">Base offset of the last segment that was compacted; -1 for none.</param>
    public static bool IsDue(Segment[] candidates, LogLimits limits, long compactedTo)
    {
        var dirty = candidates.Where(segment => segment.BaseOffset > compactedTo).Sum(segment => segment.Length);
        return dirty > 0 && dirty >= limits.DirtyRatioMin * candidates.Sum(segment => segment.Length);
    }

    /// <summary>Writes what stays of a segment as a segment of its own.</summary>
    public Segment Rewrite(Segment segment, string directory)
    {
        var draft = new Segment(directory, segment.BaseOffset);
        foreach (var (_, batch, bytes) in segment.Batches())
            if (Kept(batch, bytes) is { Length: > 0 } kept)
                draft.Append(kept, RecordBatch.Parse(kept));
        draft.Seal();
        return draft;
    }

    /// <returns>The batch as it was, or with fewer records; empty when none of them stays.</returns>
    private byte[] Kept(in RecordBatch batch, byte[] bytes)
    {
        if (batch.LastOffset == _keptOffset || RecordSet.Read(bytes, batch) is not { } set) return bytes;
        var kept = set.Records.Where(record => Stays(set, record)).ToList();
        if (kept.Count == set.Records.Count) return bytes;
        if (kept.Count == 0) return [];
        var content = new ArrayBufferWriter<byte>();
        foreach (var record in kept) content.Write(set[record.Bytes]);
        var rewritten = RecordBatch.WithRecords(bytes, content.WrittenSpan, kept.Count, kept.Max(record => record.Timestamp));
        if (rewritten.Length < bytes.Length) return rewritten;
        // It was compressed. The tombstones of what it still holds come later in the log, and stay.
        foreach (var record in set.Records)
            if (!Stays(set, record) && KeyOf(set, record) is { } key)
                _held.Add(key);
        return bytes;
    }

    private bool Stays(RecordSet set, in Record record) =>
        KeyOf(set, record) is not { } key
        || (_newest[key] == record.Offset
            && !(record.IsTombstone && record.Timestamp < _tombstonesUntil && !_held.Contains(key)));

    /// <summary>Byte for character, so that any bytes can be a key of the dictionary.</summary>
    private static string? KeyOf(RecordSet set, in Record record) =>
        record.Key is { } key ? Encoding.Latin1.GetString(set[key]) : null;
}
