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

    /// <summary>The log ends before the rollups do: the topic was recreated, everything in it is new.</summary>
    Recreated,

    /// <summary>The log begins after the rollups end: records were deleted before they were read.</summary>
    RecordsMissing,
}

/// <summary>Where reading a partition starts.</summary>
internal readonly record struct StartPosition(long Offset, StartKind Kind)
{
    /// <param name="next">Next offset by the rollups.</param>
    /// <param name="committed">The group's offset; null when it has none.</param>
    /// <param name="first">First offset the log still has.</param>
    /// <param name="end">Offset after the log's last record.</param>
    public static StartPosition Decide(long next, long? committed, long first, long end)
    {
        if (end < next) return new(first, StartKind.Recreated);
        if (first > next) return new(first, StartKind.RecordsMissing);
        return committed switch
        {
            { } ahead when ahead > next => new(next, StartKind.AheadRefused),
            { } behind when behind < next => new(Math.Max(behind, first), StartKind.ReadAgain),
            _ => new(next, StartKind.Continue),
        };
    }
}
