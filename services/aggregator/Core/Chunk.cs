using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator.Core;

/// <summary>Everything of one transaction, in key order: nothing of it changes any more, so it can be written again as it is.</summary>
internal sealed record Chunk(
    long Number,
    IReadOnlyList<ProgressMove> Moves,
    IReadOnlyList<BusinessDay> Days,
    IReadOnlyList<(ContentCell Cell, CellSum Sum)> Contents,
    IReadOnlyList<(AdCell Cell, CellSum Sum)> Ads,
    IReadOnlyList<(PartitionDay Day, Totals Totals)> PartitionDays,
    IReadOnlyList<Seal> Seals,
    IReadOnlyList<ChangedClaim> Claims,
    IReadOnlyList<Exclusion> Excluded,
    IReadOnlyList<DeadLetter> DeadLetters,
    IReadOnlyList<ClaimedRow> MayBeLetters,
    ChunkCounts Counts,
    IReadOnlyList<SourceTime> SampledUpdates,
    SourceTime? NewestUpdate);

/// <param name="Commits">Transactions of the epoch before this one.</param>
internal readonly record struct ProgressMove(LogPartition At, long Epoch, long Commits, long NextOffset);

internal readonly record struct ContentCell(BusinessDay Day, ContentId Content, CreatorId Creator) : IComparable<ContentCell>
{
    public int CompareTo(ContentCell other)
    {
        var order = Day.CompareTo(other.Day);
        if (order == 0) order = Content.CompareTo(other.Content);
        return order == 0 ? Creator.CompareTo(other.Creator) : order;
    }
}

internal readonly record struct AdCell(BusinessDay Day, ContentId Content, AdvertisementId Advertisement, CreatorId Creator) : IComparable<AdCell>
{
    public int CompareTo(AdCell other)
    {
        var order = Day.CompareTo(other.Day);
        if (order == 0) order = Content.CompareTo(other.Content);
        if (order == 0) order = Advertisement.CompareTo(other.Advertisement);
        return order == 0 ? Creator.CompareTo(other.Creator) : order;
    }
}

/// <summary>What a chunk adds to a cell.</summary>
/// <param name="Units">Views or ad views.</param>
/// <param name="Late">How many of them were updated at or after the day's cutoff.</param>
internal readonly record struct CellSum(long Units, long WatchSeconds, long Late)
{
    public CellSum Plus(int watchSeconds, bool late) => new(Units + 1, WatchSeconds + watchSeconds, late ? Late + 1 : Late);
}

internal readonly record struct PartitionDay(LogPartition At, BusinessDay Day) : IComparable<PartitionDay>
{
    public int CompareTo(PartitionDay other)
    {
        var order = At.CompareTo(other.At);
        return order == 0 ? Day.CompareTo(other.Day) : order;
    }
}

/// <param name="OwnInChunk">The partition's own totals of the day since the last commit, up to the marker.</param>
internal sealed record Seal(LogPartition At, Marker Marker, Totals OwnInChunk, long Offset);

internal readonly record struct ChangedClaim(ClaimKey Key, bool IsBitmap, byte[] Ids);

internal readonly record struct Exclusion(LogPartition At, Fact Fact, int RuleVersion);

/// <summary>A row that was counted or excluded, now or before, and may be a dead letter that waits or was discarded.</summary>
internal readonly record struct ClaimedRow(LogPartition At, int SourceEpoch, long RowId);

/// <param name="ToTopic">False when the record was dealt with before, so that it stands in the topic already.</param>
internal sealed record DeadLetter(LogPartition At, long Offset, int Incarnation, Poison Poison, byte[]? Key, byte[]? Value, bool ToTopic);

/// <summary>What happened to the records of a chunk, per stream (index: <see cref="SourceStream"/>).</summary>
internal sealed class ChunkCounts
{
    public long[] Consumed { get; } = new long[2];

    public long[] Counted { get; } = new long[2];

    public long[] Duplicate { get; } = new long[2];

    public long[] Excluded { get; } = new long[2];

    public long[] Unfinished { get; } = new long[2];

    public long Rows => Consumed[0] + Consumed[1];
}
