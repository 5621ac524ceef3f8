using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator.Core;

/// <summary>One partition of one stream's topic: the unit of ownership, of order and of dedup.</summary>
internal readonly record struct LogPartition(SourceStream Stream, int Partition) : IComparable<LogPartition>
{
    public int CompareTo(LogPartition other)
    {
        // By name, as PostgreSQL's primary keys order them.
        var byStream = string.CompareOrdinal(Stream.Name(), other.Stream.Name());
        return byStream != 0 ? byStream : Partition.CompareTo(other.Partition);
    }

    public override string ToString() => $"{Stream.Name()}/{Partition}";
}

/// <summary>Count, checksum and seconds of rows of one day.</summary>
/// <param name="IdSum">Sum of the row ids modulo 2^64.</param>
internal readonly record struct Totals(long Rows, ulong IdSum, long WatchSeconds)
{
    public Totals Plus(long rowId, int watchSeconds) =>
        new(Rows + 1, unchecked(IdSum + (ulong)rowId), WatchSeconds + watchSeconds);
}
