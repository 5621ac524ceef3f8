namespace StreamSettlement.DevBroker.Storage;

/// <summary>A topic's settings, as far as its logs go by them. Sizes in bytes, times in ms; -1 is no limit.</summary>
/// <param name="IsCompacted">Of each key only the newest value is kept.</param>
/// <param name="IsDeleted">Records may be deleted from the log's beginning.</param>
/// <param name="DirtyRatioMin">The share of bytes not compacted yet from which on it is worth it.</param>
/// <param name="CompactionLagMs">How long a record is left alone by compaction.</param>
/// <param name="TombstoneMs">How long a deleted key's tombstone is kept, for readers to see it.</param>
internal sealed record LogLimits(
    long SegmentBytesMax, int BatchBytesMax, long SegmentMsMax = -1, long RetentionMs = -1, long RetentionBytes = -1,
    bool IsCompacted = false, bool IsDeleted = true, double DirtyRatioMin = 0, long CompactionLagMs = 0, long TombstoneMs = 0);

/// <summary>Which segments a log need not keep.</summary>
internal static class LogRetention
{
    /// <returns>How many of the oldest segments go; never the last one, which is written to.</returns>
    /// <param name="now">Ms since epoch.</param>
    public static int Expired(Segment[] segments, LogLimits limits, long startOffset, long now)
    {
        var excess = segments.Sum(segment => segment.Length) - limits.RetentionBytes;
        var count = 0;
        for (var i = 0; i < segments.Length - 1; i++)
        {
            excess -= segments[i].Length;
            var isDeleted = segments[i + 1].BaseOffset <= startOffset;
            // As much goes as can without leaving less than the limit.
            var isTooMuch = limits.RetentionBytes >= 0 && excess >= 0;
            if (isDeleted || isTooMuch || IsOld(segments[i], limits, now)) count = i + 1;
            // One that was compacted to nothing goes with the next.
            else if (segments[i].Length > 0) break;
        }
        return count;
    }

    /// <summary>Whether the newest record is older than records are kept.</summary>
    public static bool IsOld(Segment segment, LogLimits limits, long now) =>
        limits.RetentionMs >= 0 && segment.MaxTimestamp >= 0 && segment.MaxTimestamp < now - limits.RetentionMs;
}
