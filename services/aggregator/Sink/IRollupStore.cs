using StreamSettlement.Aggregator.Core;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator.Sink;

/// <summary>The rollups and the position they stand for, kept together.</summary>
internal interface IRollupStore
{
    /// <summary>Brings the schema up to date.</summary>
    Task PrepareAsync(CancellationToken cancel);

    /// <summary>Remembers each stream's partition count when it is seen first.</summary>
    /// <returns>The counts that are remembered.</returns>
    Task<IReadOnlyDictionary<SourceStream, int>> RememberPartitionsAsync(IReadOnlyDictionary<SourceStream, int> partitions, CancellationToken cancel);

    Task<Eligibility> RulesAsync(CancellationToken cancel);

    /// <summary>Raises the epoch of each partition; from here on nobody else's commit of them succeeds.</summary>
    Task<IReadOnlyList<OwnedPartition>> TakeOverAsync(IReadOnlyList<AssignedPartition> assigned, CancellationToken cancel);

    /// <returns>The blocks that exist, as bytes of <see cref="ClaimBlock"/>.</returns>
    Task<IReadOnlyList<KeyValuePair<ClaimKey, byte[]>>> ClaimsAsync(IReadOnlyCollection<ClaimKey> keys, CancellationToken cancel);

    /// <returns>Null where there is none of this id.</returns>
    Task<StoredLetter?> FindLetterAsync(long id, CancellationToken cancel);

    /// <summary>Marks an open letter as redriven; one that is decided is left as it is.</summary>
    Task RedriveAsync(long id, string by, string reason, CancellationToken cancel);

    /// <summary>
    /// Marks an open letter as discarded. From then on every seal of the partition holds <paramref name="owed"/> beside what was counted and
    /// excluded, until the row is counted after all.
    /// </summary>
    /// <param name="owed">The row that the partition has to answer for; null for none. One that was counted, or discarded before, adds nothing.</param>
    /// <returns>False when it was not open any more: nothing was changed.</returns>
    Task<bool> DiscardAsync(long id, LetterRow? owed, string by, string reason, CancellationToken cancel);

    /// <summary>All of the chunk or nothing. May be called again with the same chunk when the outcome is not known.</summary>
    Task<CommitOutcome> CommitAsync(Chunk chunk, CancellationToken cancel);
}

internal enum CommitOutcome
{
    Committed,

    /// <summary>An earlier call whose answer was lost had committed it.</summary>
    CommittedBefore,

    /// <summary>Another consumer took a partition of the chunk over; nothing was written.</summary>
    Fenced,
}

/// <summary>The partition count of a data topic is not what it was.</summary>
public sealed class PartitionCountChangedException(string topic, int before, int now)
    : Exception($"topic '{topic}' has {now} partitions, the rollups were made with {before}: contents would change partition and be counted twice; "
        + "create the topic anew with the old count, or empty the schema 'rollup' and read everything again");
