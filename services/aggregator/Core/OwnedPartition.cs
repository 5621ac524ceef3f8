using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator.Core;

/// <summary>What the service knows of a partition while it holds the partition's epoch.</summary>
/// <param name="at">The partition.</param>
/// <param name="epoch">Raised when the partition was taken over; a commit with an older one is refused.</param>
/// <param name="incarnation">Which life of the topic the offsets are of.</param>
/// <param name="nextByRollups">Next offset by the rollups when taken over: what lies below it was dealt with before.</param>
/// <param name="start">Where reading starts.</param>
/// <param name="cutoffs">Cutoff of each day the partition has a marker of.</param>
internal sealed class OwnedPartition(
    LogPartition at, long epoch, long commits, int incarnation, long nextByRollups, StartPosition start,
    IEnumerable<KeyValuePair<BusinessDay, SourceTime>> cutoffs)
{
    private readonly Dictionary<BusinessDay, SourceTime> _cutoffs = new(cutoffs);

    public LogPartition At { get; } = at;

    public long Epoch { get; } = epoch;

    public int Incarnation { get; } = incarnation;

    public long NextByRollups { get; } = nextByRollups;

    public StartPosition Start { get; } = start;

    /// <summary>Transactions of this epoch that PostgreSQL has or has been given.</summary>
    public long Commits { get; set; } = commits;

    /// <summary>Offset after the last record taken.</summary>
    public long Position { get; set; } = start.Offset;

    /// <summary>Rows of it that are dead letters: one that is counted after all settles its own.</summary>
    public KnownLetters Letters { get; init; } = new();

    /// <summary>Number of the last chunk that took records of it.</summary>
    public long TouchedIn { get; set; }

    /// <summary>Whether a fact came after its day was over.</summary>
    public bool IsLate(in Fact fact) => _cutoffs.TryGetValue(fact.Day, out var cutoff) && fact.UpdatedAt >= cutoff;

    /// <summary>The cutoff of a day is fixed with its first marker.</summary>
    public void Learn(Marker marker) => _cutoffs.TryAdd(marker.Day, marker.Cutoff);
}
