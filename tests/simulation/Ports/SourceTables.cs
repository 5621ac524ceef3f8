using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests.Ports;

/// <summary>The platform's MySQL: committed rows, open transactions, and what of them it shows.</summary>
internal sealed class SourceTables(Scheduler scheduler, Mechanism without)
{
    private const long CopyKeptFor = 100 * Span.Millisecond;

    private readonly SortedDictionary<long, SourceRow>[] _rows = [[], []];
    private readonly List<OpenTransaction> _open = [];
    private readonly long[] _lastId = new long[2];
    private List<OpenWork> _copy = [];
    private long _copyReadAt = long.MinValue / 2;

    /// <summary>Creators by content; what is not here is unknown.</summary>
    public Dictionary<long, long> Creators { get; } = [];

    /// <summary>Holds the named lock; null where nobody does.</summary>
    public object? LockHolder { get; set; }

    /// <summary>When a day's totals below a horizon were first read.</summary>
    public Dictionary<(BusinessDay Day, long Horizon), long> TotalsReadAt { get; } = [];

    public SourceTime Now => new(scheduler.Now);

    public IReadOnlyList<OpenTransaction> Open => _open;

    /// <summary>Asked at each commit: may a row become visible that is placed there?</summary>
    public Action<SourceStream, SourceRow, OpenTransaction> Committed { get; set; } = (_, _, _) => { };

    public IEnumerable<SourceRow> Rows(SourceStream stream) => _rows[(int)stream].Values;

    public bool TryFind(SourceStream stream, long id, out SourceRow row) => _rows[(int)stream].TryGetValue(id, out row);

    public OpenTransaction Begin(bool hidden)
    {
        var transaction = new OpenTransaction(scheduler.Now, hidden);
        _open.Add(transaction);
        return transaction;
    }

    /// <summary>An insert: id and updated_at are MySQL's.</summary>
    public long Insert(OpenTransaction transaction, SourceStream stream, SourceRow row)
    {
        row.Id = ++_lastId[(int)stream];
        row.CreatedAt = Now;
        Write(transaction, stream, row);
        return row.Id;
    }

    /// <summary>An update; the row is locked by its transaction.</summary>
    public void Write(OpenTransaction transaction, SourceStream stream, SourceRow row)
    {
        row.UpdatedAt = Now;
        transaction.Rows[(stream, row.Id)] = row;
    }

    public bool IsLocked(SourceStream stream, long id) => _open.Exists(transaction => transaction.Rows.ContainsKey((stream, id)));

    public void Commit(OpenTransaction transaction)
    {
        if (!_open.Remove(transaction)) return;
        foreach (var ((stream, id), row) in transaction.Rows)
        {
            _rows[(int)stream][id] = row;
            if (scheduler.IsTraced) scheduler.Note($"source: commits {stream.Name()} {id} of {row.LogDate}, status {row.Status}, updated {row.UpdatedAt}{(transaction.IsHidden ? ", hidden" : "")}");
            Committed(stream, row, transaction);
        }
    }

    public void RollBack(OpenTransaction transaction) => _open.Remove(transaction);

    public void RollBackAll() => _open.Clear();

    /// <returns>What is open, and whether the list of transactions is certainly no old copy.</returns>
    public (IReadOnlyList<OpenWork> Open, bool IsFresh) ReadOpen()
    {
        if (without == Mechanism.Horizon) return ([], true);
        var isRenewed = ReadTransactions();
        // Running statements are never an old copy.
        var open = _open.Where(transaction => transaction is { IsHidden: false, IsRunning: true }).Select(Shown).Concat(_copy).ToList();
        return (open, isRenewed || without == Mechanism.FreshList);
    }

    /// <summary>MySQL renews its list only when nobody has read it for 100 ms.</summary>
    /// <returns>Whether this read renewed it.</returns>
    public bool ReadTransactions()
    {
        var renews = scheduler.Now - _copyReadAt >= CopyKeptFor;
        if (renews) _copy = [.. _open.Where(transaction => !transaction.IsHidden).Select(Shown)];
        _copyReadAt = scheduler.Now;
        return renews;
    }

    public ControlTotals Totals(SourceStream stream, BusinessDay day, SourceTime below) =>
        Sum(Rows(stream).Where(row => IsCounted(stream, row, day) && row.UpdatedAt < below));

    public static bool IsCounted(SourceStream stream, in SourceRow row, BusinessDay day) =>
        row.LogDate == day.Number && (stream == SourceStream.AdViews || row.Status == SourceStatus.Completed);

    public static ControlTotals Sum(IEnumerable<SourceRow> rows)
    {
        var (count, ids, seconds) = (0L, 0UL, 0L);
        foreach (var row in rows) (count, ids, seconds) = (count + 1, unchecked(ids + (ulong)row.Id), seconds + row.WatchSeconds);
        return new ControlTotals(count, ids, seconds);
    }

    // In whole seconds, and the later of the two: what ingest takes off its resolution for.
    private static OpenWork Shown(OpenTransaction transaction) =>
        new("transaction", new SourceTime((transaction.Since + Span.Second - 1) / Span.Second * Span.Second));
}

/// <param name="since">Start of its first statement.</param>
/// <param name="hidden">Shown nowhere: a writer that MySQL's lists don't know.</param>
internal sealed class OpenTransaction(long since, bool hidden)
{
    public long Since => since;

    public bool IsHidden => hidden;

    /// <summary>A statement of it is being executed.</summary>
    public bool IsRunning { get; set; }

    public Dictionary<(SourceStream Stream, long Id), SourceRow> Rows { get; } = [];
}

/// <summary>The enum of the table.</summary>
internal static class SourceStatus
{
    public const int InProgress = 1;
    public const int Paused = 2;
    public const int Completed = 3;
}
