using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.Settlement;

/// <summary>Rollups and books: one database, so that what is paid and what it was computed from are one snapshot.</summary>
internal interface ISettlementStore
{
    /// <summary>Brings the schema up to this program's version.</summary>
    /// <exception cref="Hosting.SchemaTooNewException">A newer program has migrated it; nothing was changed.</exception>
    Task MigrateAsync(CancellationToken cancel);

    /// <returns>What the store waits for before a day can be closed ("waiting for schema rollup …"), or null when nothing.</returns>
    Task<string?> WaitingForAsync(CancellationToken cancel);

    /// <summary>Registers days that have rows for the first time and finds those that something may be done about.</summary>
    Task<Outlook> LookAsync(CancellationToken cancel);

    /// <summary>Waits until no other settlement has a session open, then opens one and takes its snapshot.</summary>
    Task<ISettlementSession> BeginAsync(CancellationToken cancel);
}

/// <summary>One transaction over one snapshot, exclusive among settlements. Disposed without commit it leaves nothing.</summary>
internal interface ISettlementSession : IAsyncDisposable
{
    Task<DayFacts> ReadDayAsync(BusinessDay day, CancellationToken cancel);

    /// <summary>What a run of that day pays, and by which cards.</summary>
    Task<RunPlan> ReadPlanAsync(BusinessDay day, CancellationToken cancel);

    /// <summary>
    /// Cells of the days from <paramref name="from"/> to <paramref name="upTo"/>, ordered by content, day, creator, in batches of bounded
    /// size. What a content has on all earlier days comes as one cell of the day before <paramref name="from"/>, creator 0.
    /// </summary>
    /// <returns>Batches; the memory of one is used again for the next.</returns>
    IAsyncEnumerable<ReadOnlyMemory<Cell>> ReadCellsAsync(PriceKind kind, BusinessDay from, BusinessDay upTo, CancellationToken cancel);

    /// <returns>The entry's id.</returns>
    Task<long> OpenEntryAsync(long runId, PriceKind kind, string currency, CancellationToken cancel);

    /// <summary>May be called between two batches of <see cref="ReadCellsAsync"/>.</summary>
    Task WriteLinesAsync(long entryId, PriceKind kind, IReadOnlyList<PayoutLine> lines, CancellationToken cancel);

    /// <summary>Books the entry's lines: a posting per creator and the expense against them; then reads back what stands there.</summary>
    /// <exception cref="BooksDifferException">What is stored is not <paramref name="totals"/>, or does not sum to zero.</exception>
    Task PostEntryAsync(long entryId, PriceKind kind, RunTotals totals, CancellationToken cancel);

    /// <summary>Remembers the marks that the books now agree with.</summary>
    Task SaveMarksAsync(RunPlan plan, CancellationToken cancel);

    /// <summary>Saves the run with its manifest.</summary>
    /// <param name="accepted">The difference that the day was posted with; null when it balanced.</param>
    Task SaveRunAsync(
        RunPlan plan, int attempt, Acceptance? accepted, IReadOnlyDictionary<PriceKind, EntryManifest> entries, CancellationToken cancel);

    /// <summary>Saves that a day's difference was accepted; the first acceptance at an attempt stands.</summary>
    Task AcceptAsync(BusinessDay day, Acceptance acceptance, CancellationToken cancel);

    /// <summary>Saves what was decided about a day and appends to its journal, which may already hold events of this session.</summary>
    Task SaveDayAsync(BusinessDay day, DayRecord record, IReadOnlyList<DayJournalEvent> events, CancellationToken cancel);

    /// <summary>Appends to a day's journal.</summary>
    Task AppendAsync(BusinessDay day, DayJournalEvent happened, CancellationToken cancel);

    Task CommitAsync(CancellationToken cancel);
}

/// <summary>The control topics.</summary>
internal interface IControlLog
{
    /// <returns>False when the broker can't be reached; the reason is logged and readiness says so.</returns>
    Task<bool> TrySendAsync(ControlCommand command, CancellationToken cancel);

    /// <inheritdoc cref="TrySendAsync"/>
    Task<bool> TryPublishAsync(ControlEvent happened, CancellationToken cancel);
}

/// <param name="Candidates">Days with markers that are newer than what was decided, or that wait for something.</param>
/// <param name="Days">How many days have each status.</param>
internal sealed record Outlook(IReadOnlyList<BusinessDay> Candidates, IReadOnlyDictionary<DayStatus, long> Days);

/// <param name="Covered">The day itself and every day already in the books.</param>
/// <param name="Marks">Of every day up to the last covered one, as <see cref="DayInputs.Mark"/> gives them now.</param>
/// <param name="Settled">The marks that the last run left.</param>
internal sealed record RunPlan(
    long RunId, BusinessDay Day, IReadOnlySet<BusinessDay> Covered, RateCards Cards,
    IReadOnlyDictionary<BusinessDay, string> Marks, IReadOnlyDictionary<BusinessDay, string> Settled);

/// <summary>One entry in the run's manifest.</summary>
internal sealed record EntryManifest(long EntryId, long Lines, long Units, string AmountMicros, IReadOnlyCollection<int> Cards);

/// <summary>The books don't hold what was computed. Nothing of the run is kept.</summary>
internal sealed class BooksDifferException(string message) : Exception(message);
