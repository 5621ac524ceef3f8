using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest.Core;

/// <summary>One row of either table as it was when it was read. A mutable struct: a page of 25,000 of them is one array.</summary>
internal struct SourceRow
{
    /// <summary>The only <see cref="Status"/> of a view that counts.</summary>
    public const int Completed = 3;

    public long Id;
    public long MemberId;
    public long ContentId;

    /// <summary>0 = the source has no such content.</summary>
    public long CreatorId;

    /// <summary>0 for view logs.</summary>
    public long AdvertisementId;

    /// <summary>yyyymmdd; 0 for MySQL's zero date.</summary>
    public int LogDate;

    /// <summary>0 for ad views.</summary>
    public int WatchSeconds;

    /// <summary>0 for ad views.</summary>
    public int LastPositionSeconds;

    /// <summary>1 IN_PROGRESS, 2 PAUSED, 3 COMPLETED, as in the enum of the table and in the proto; 0 for ad views.</summary>
    public int Status;

    public SourceTime CreatedAt;
    public SourceTime UpdatedAt;

    public readonly SourcePosition Position => new(UpdatedAt, Id);
}

/// <summary>A place in a stream's order: every row at or before it has been read.</summary>
internal readonly record struct SourcePosition(SourceTime UpdatedAt, long Id) : IComparable<SourcePosition>
{
    /// <summary>Before every row: MySQL's datetime has no year 0, and ids begin at 1.</summary>
    public static readonly SourcePosition Beginning = new(SourceTime.FromUtc(new DateTime(1000, 1, 2, 0, 0, 0, DateTimeKind.Utc)), 0);

    public int CompareTo(SourcePosition other) =>
        UpdatedAt == other.UpdatedAt ? Id.CompareTo(other.Id) : UpdatedAt.CompareTo(other.UpdatedAt);

    public static bool operator <(SourcePosition left, SourcePosition right) => left.CompareTo(right) < 0;

    public static bool operator >(SourcePosition left, SourcePosition right) => left.CompareTo(right) > 0;

    public override string ToString() => $"({UpdatedAt}, {Id})";
}

/// <summary>Totals of a stream's day read from the source, independent of what was published.</summary>
/// <param name="Rows">COMPLETED rows; every row for ad views.</param>
/// <param name="IdSum">Modulo 2^64.</param>
/// <param name="WatchSeconds">0 for ad views.</param>
internal sealed record ControlTotals(long Rows, ulong IdSum, long WatchSeconds);
