using StreamSettlement.Contracts;

namespace StreamSettlement.Settlement.Core;

/// <summary>Where a business day stands, in the order it passes through; <see cref="OutOfBalance"/> waits for an operator.</summary>
internal enum DayStatus
{
    /// <summary>Rows may still come; not every partition has its newest marker.</summary>
    Open,

    /// <summary>All partitions of both streams are sealed at the newest attempt; not (yet) equal to the source.</summary>
    Sealed,

    /// <summary>Equal to the source, not yet in the books.</summary>
    Balanced,

    /// <summary>In the books. Later attempts and late rows are adjusted by further runs.</summary>
    Posted,

    /// <summary>Still not equal after every repair that settlement may ask for.</summary>
    OutOfBalance,
}

/// <summary>Control totals of one stream and day.</summary>
/// <param name="IdSum">Sum of the row ids modulo 2^64.</param>
/// <param name="WatchSeconds">0 for ad views.</param>
internal readonly record struct Totals(long Rows, ulong IdSum, long WatchSeconds)
{
    public override string ToString() => $"{Rows} rows, id sum {IdSum}, {WatchSeconds} s";
}

/// <summary>One stream's seals of one day at the newest attempt.</summary>
/// <param name="Partitions">Partitions the stream has; null when the aggregator has not recorded it yet.</param>
/// <param name="SealedPartitions">How many of them hold the seal.</param>
/// <param name="Marker">The source's totals as the markers carry them; null without a seal.</param>
/// <param name="MarkersAgree">False when two partitions got different totals for the same attempt.</param>
/// <param name="Own">Sum over partitions of what each had counted, excluded or decided at its seal.</param>
internal sealed record StreamFacts(
    SourceStream Stream, int? Partitions, int SealedPartitions, Totals? Marker, bool MarkersAgree, Totals Own)
{
    public bool IsSealed => Partitions is { } all && SealedPartitions == all;

    public bool IsBalanced => MarkersAgree && Marker == Own;
}

/// <summary>What settlement has decided about a day so far.</summary>
/// <param name="Attempt">The attempt that the status was decided on.</param>
/// <param name="Repairs">Repairs asked for since the day last balanced.</param>
/// <param name="RepairAttempt">The attempt that the last of them was asked for.</param>
/// <param name="PostedAt">When the day first came into the books; null before.</param>
internal sealed record DayRecord(
    DayStatus Status, int? Attempt, int Repairs, int? RepairAttempt, DateTimeOffset? PostedAt, string? Detail)
{
    public static readonly DayRecord New = new(DayStatus.Open, null, 0, null, null, null);
}

/// <summary>A difference between source and rollups that somebody took on himself.</summary>
/// <param name="Attempt">The attempt at which it was accepted.</param>
/// <param name="By">As the token names him.</param>
/// <param name="Difference">As <see cref="DayFacts.Difference"/> gave it then.</param>
internal sealed record Acceptance(int Attempt, string By, string Reason, string Difference, DateTimeOffset At);

/// <summary>Everything that decides about a day, read in one snapshot.</summary>
/// <param name="Attempt">Newest attempt over both streams; null when no marker of the day has arrived.</param>
/// <param name="OpenDeadLetters">Undecided dead letters of this day or of no known day.</param>
/// <param name="LastAccepted">The newest acceptance of the day, whether it still holds or not.</param>
internal sealed record DayFacts(
    BusinessDay Day, int? Attempt, IReadOnlyList<StreamFacts> Streams, long OpenDeadLetters, DayRecord Record, Acceptance? LastAccepted = null)
{
    public bool IsBalanced => Streams.All(stream => stream.IsBalanced);

    /// <summary>
    /// Both sides of every stream, to the unit: "view-logs: source 6 rows, id sum 21, 42 s; rollups 5 rows, id sum 15, 35 s. …". Equal texts
    /// are equal differences.
    /// </summary>
    public string Difference => string.Join(". ", Streams.Select(stream => $"{stream.Stream.Name()}: source {stream.Marker}; rollups {stream.Own}"));

    /// <summary>
    /// The acceptance that stands for these very totals; null when there is none. It holds at later attempts too, as long as nothing on either
    /// side has moved: an audit that finds the same need not call somebody again.
    /// </summary>
    public Acceptance? Accepted => !IsBalanced && Streams.All(stream => stream.MarkersAgree) && LastAccepted?.Difference == Difference ? LastAccepted : null;
}
