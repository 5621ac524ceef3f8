using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator.Core;

/// <summary>A COMPLETED view or an ad view: what may count.</summary>
/// <param name="Advertisement">0 for a view.</param>
/// <param name="WatchSeconds">0 for an ad view.</param>
internal readonly record struct Fact(
    long RowId, int SourceEpoch, BusinessDay Day, ContentId Content, CreatorId Creator, AdvertisementId Advertisement, int WatchSeconds,
    SourceTime UpdatedAt);

/// <summary>The end of a day as ingest wrote it into the partition.</summary>
/// <param name="Cutoff">Rows updated at or after it are late.</param>
/// <param name="Totals">Of the whole stream, read from the source.</param>
internal sealed record Marker(BusinessDay Day, int Attempt, SourceTime Cutoff, SourceTime Horizon, Totals Totals);

/// <summary>Why a record can't be counted. The order is that of precedence: the first that applies is the reason.</summary>
internal enum PoisonReason
{
    /// <summary>No <c>SourceRecord</c>, none of its kinds, or larger than any record of ours.</summary>
    Undecodable,

    /// <summary>A view in the ads' topic, an ad view among the views, a marker of the other stream.</summary>
    WrongStream,

    /// <summary>A marker without a date, with an attempt below 1, or with negative totals.</summary>
    BadMarker,

    /// <summary>A status that no row of the source has: it may have been COMPLETED.</summary>
    UnknownStatus,

    /// <summary>The key's hash belongs to another partition: dedup is per partition, so the row could be counted twice.</summary>
    WrongPartition,

    /// <summary>The key is not the content id's decimal text.</summary>
    KeyMismatch,

    /// <summary>An id below 1, seconds below 0 or above <see cref="Limits.WatchSecondsMax"/>, an epoch below 0.</summary>
    BadValue,

    /// <summary><c>log_date</c> is no date.</summary>
    BadLogDate,

    /// <summary><c>log_date</c> is further ahead than the service tolerates.</summary>
    FutureLogDate,

    /// <summary>The source has no such content, so nobody can be paid for it.</summary>
    UnknownContent,
}

internal static class PoisonReasons
{
    /// <summary>The reason wherever it is written down: header <c>dlq-reason</c>, <c>rollup.dead_letter.reason</c>, metrics.</summary>
    public static string Name(this PoisonReason reason) => reason switch
    {
        PoisonReason.Undecodable => "undecodable",
        PoisonReason.WrongStream => "wrong-stream",
        PoisonReason.BadMarker => "bad-marker",
        PoisonReason.UnknownStatus => "unknown-status",
        PoisonReason.WrongPartition => "wrong-partition",
        PoisonReason.KeyMismatch => "key-mismatch",
        PoisonReason.BadValue => "bad-value",
        PoisonReason.BadLogDate => "bad-log-date",
        PoisonReason.FutureLogDate => "future-log-date",
        PoisonReason.UnknownContent => "unknown-content",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "no such reason"),
    };
}

/// <summary>A record that can't be counted, with as much of its identity as could be read.</summary>
internal sealed record Poison(PoisonReason Reason, string Detail, BusinessDay? Day = null, long? RowId = null, int? SourceEpoch = null);

/// <summary>What a record is to the rollups: exactly one of a fact, a marker, poison, or nothing (a row not COMPLETED).</summary>
internal readonly record struct Verdict
{
    private Verdict(Fact fact, Marker? marker, Poison? poison, bool isFact) =>
        (Fact, Marker, Poison, IsFact) = (fact, marker, poison, isFact);

    /// <summary>A row that is not COMPLETED yet: it will come again.</summary>
    public static readonly Verdict Unfinished;

    public bool IsFact { get; }

    /// <summary>Meaningful when <see cref="IsFact"/>.</summary>
    public Fact Fact { get; }

    public Marker? Marker { get; }

    public Poison? Poison { get; }

    public static Verdict Of(Fact fact) => new(fact, null, null, true);

    public static Verdict Of(Marker marker) => new(default, marker, null, false);

    public static Verdict Of(Poison poison) => new(default, null, poison, false);
}
