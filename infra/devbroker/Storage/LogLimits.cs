namespace StreamSettlement.DevBroker.Storage;

/// <summary>A topic's settings, as far as its logs go by them. Sizes in bytes, times in ms; -1 is no limit.</summary>
internal sealed record LogLimits(long SegmentBytesMax, int BatchBytesMax)
{
    public long SegmentMsMax { get; init; } = -1;
    public long RetentionMs { get; init; } = -1;
    public long RetentionBytes { get; init; } = -1;

    /// <summary>Of each key only the newest value is kept.</summary>
    public bool IsCompacted { get; init; }

    /// <summary>Records may be deleted from the log's beginning.</summary>
    public bool IsDeleted { get; init; } = true;

    /// <summary>The share of bytes not compacted yet from which on it is worth it.</summary>
    public double DirtyRatioMin { get; init; }

    /// <summary>How long a record is left alone by compaction.</summary>
    public long CompactionLagMs { get; init; }

    /// <summary>How long a deleted key's tombstone is kept, for readers to see it.</summary>
    public long TombstoneMs { get; init; }
}
