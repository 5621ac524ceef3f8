using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator.Source;

/// <summary>
/// The log: records and changes of ownership in one order, and what goes back to it. Threads and the Kafka client live behind it.
/// </summary>
internal interface ILog
{
    /// <summary>Waits until both data topics exist and creates the dead-letter topics.</summary>
    /// <returns>Partition count of each stream.</returns>
    Task<IReadOnlyDictionary<SourceStream, int>> PrepareAsync(CancellationToken cancel);

    /// <summary>Joins the group; events follow.</summary>
    Task JoinAsync(CancellationToken cancel);

    /// <returns>The next event, or null when none came within <paramref name="wait"/>.</returns>
    ValueTask<LogEvent?> NextAsync(TimeSpan wait, CancellationToken cancel);

    /// <summary>The answer to <see cref="Assigned"/>: where to read each of its partitions from.</summary>
    void Start(IReadOnlyDictionary<LogPartition, long> offsets);

    /// <summary>The answer to <see cref="Revoked"/>: its partitions may go to somebody else.</summary>
    void Release();

    /// <summary>Gives a batch's memory back; its records are no longer valid.</summary>
    void Return(LogBatch batch);

    /// <summary>Lets the group's offsets follow, for lag displays; what PostgreSQL says counts.</summary>
    void Store(IEnumerable<KeyValuePair<LogPartition, long>> nextOffsets);

    /// <summary>Leaves the group and joins anew; every partition is revoked and assigned again.</summary>
    void Rejoin();

    /// <summary>Acknowledged by the broker when it returns.</summary>
    Task DeadLetterAsync(IReadOnlyList<DeadLetter> letters, CancellationToken cancel);

    /// <summary>Sends a dead letter's original bytes to their partition again; acknowledged by the broker when it returns.</summary>
    Task ResendAsync(StoredLetter letter, CancellationToken cancel);

    /// <summary>Acknowledged by the broker when it returns.</summary>
    Task SendAsync(ControlCommand command, CancellationToken cancel);

    /// <summary>Tells whoever watches. A lost one changes nothing but a line in the log.</summary>
    Task AnnounceAsync(ControlEvent happened, CancellationToken cancel);

    /// <summary>Leaves the group.</summary>
    Task CloseAsync();
}

/// <summary>What the log has to say, in order.</summary>
internal abstract record LogEvent;

internal sealed record Fetched(LogBatch Batch) : LogEvent;

internal sealed record Assigned(IReadOnlyList<AssignedPartition> Partitions) : LogEvent;

/// <param name="Lost">Somebody else may own them already: nothing of them can be committed.</param>
internal sealed record Revoked(IReadOnlyList<LogPartition> Partitions, bool Lost) : LogEvent;

/// <summary>The log can't go on.</summary>
internal sealed record Broken(Exception Fault) : LogEvent;

/// <param name="Committed">The group's offset; null when it has none.</param>
/// <param name="First">First offset the log still has.</param>
/// <param name="End">Offset after the log's last record.</param>
internal sealed record AssignedPartition(LogPartition At, long? Committed, long First, long End);
