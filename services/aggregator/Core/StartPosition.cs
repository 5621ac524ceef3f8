namespace StreamSettlement.Aggregator.Core;

/// <summary>What was found when a partition was taken over.</summary>
internal enum StartKind
{
    /// <summary>On from where the rollups end.</summary>
    Continue,

    /// <summary>The group's offset was set back: read again, counted once.</summary>
    ReadAgain,

    /// <summary>The group's offset is ahead of the rollups: refused, or rows would be lost.</summary>
    AheadRefused,

    /// <summary>The topic was recreated, everything in it is new.</summary>
    Recreated,

    /// <summary>The log begins after the rollups end: records were deleted before they were read.</summary>
    RecordsMissing,
}

/// <summary>Where reading a partition starts.</summary>
internal readonly record struct StartPosition(long Offset, StartKind Kind)
{
    /// <remarks>
    /// A recreated topic shows by an end before the rollups', and, where it has grown beyond that, by the group's offset: brokers delete it
    /// with the topic, and a group has one from the first assignment on. Offsets that an operator deleted, or that expired, look the
    /// same; then everything is read again, which changes nothing.
    /// </remarks>
    /// <param name="next">Next offset by the rollups.</param>
    /// <param name="committed">The group's offset; null when it has none.</param>
    /// <param name="first">First offset the log still has.</param>
    /// <param name="end">Offset after the log's last record.</param>
    public static StartPosition Decide(long next, long? committed, long first, long end)
    {
        if (end < next || (committed is null && next > first)) return new(first, StartKind.Recreated);
        if (first > next) return new(first, StartKind.RecordsMissing);
        return committed switch
        {
            { } ahead when ahead > next => new(next, StartKind.AheadRefused),
            { } behind when behind < next => new(Math.Max(behind, first), StartKind.ReadAgain),
            _ => new(next, StartKind.Continue),
        };
    }
}
