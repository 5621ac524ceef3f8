using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.Ingest.Source;

/// <summary>Port to the source. The simulation has the second implementation.</summary>
internal interface ISource
{
    /// <returns>The session of the one active ingest; null where another ingest holds it.</returns>
    /// <exception cref="SourceUnavailableException">The server can't be reached; it may come back.</exception>
    Task<ISourceSession?> TryAcquireAsync(CancellationToken cancel);
}

/// <summary>
/// The source while this ingest is the active one. Every call throws <see cref="SourceUnavailableException"/> when the server goes
/// away or the lock is lost; then the session is over and is disposed.
/// </summary>
internal interface ISourceSession : IAsyncDisposable
{
    Task<SourceServer> LookAtServerAsync(CancellationToken cancel);

    /// <summary>Verifies that the lock is still held and takes MySQL's clock before anything else.</summary>
    /// <param name="fresh">Ask for a list of transactions that is certainly not a cached one; see <see cref="SourceLook.IsFresh"/>.</param>
    Task<SourceLook> LookAsync(bool fresh, CancellationToken cancel);

    /// <summary>Newest <c>updated_at</c> of each stream; null where the table is empty.</summary>
    Task<IReadOnlyDictionary<SourceStream, SourceTime?>> NewestAsync(CancellationToken cancel);

    /// <summary>The rows after <paramref name="after"/> and below <paramref name="below"/> in the order of (updated_at, id).</summary>
    Task<Page> ReadPageAsync(SourceStream stream, SourcePosition after, SourceTime below, int rowsMax, CancellationToken cancel);

    /// <summary>Count and ids of a day's rows below <paramref name="below"/>, whatever their status.</summary>
    /// <returns>Null where there are none.</returns>
    Task<DayExtent?> ReadExtentAsync(SourceStream stream, BusinessDay day, SourceTime below, CancellationToken cancel);

    /// <summary>A day's rows with ids of <paramref name="ids"/>, in the order of ids, in pages of which the last may be empty.</summary>
    IAsyncEnumerable<Page> ReadDayAsync(SourceStream stream, BusinessDay day, IdRange ids, SourceTime below, int rowsMax, CancellationToken cancel);

    /// <returns>A page of one row, or of none where the source has no such row; whatever its time and status.</returns>
    Task<Page> ReadRowAsync(SourceStream stream, long id, CancellationToken cancel);

    /// <summary>Control totals of both streams for a day's rows updated before <paramref name="below"/>.</summary>
    Task<IReadOnlyDictionary<SourceStream, ControlTotals>> ReadTotalsAsync(BusinessDay day, SourceTime below, CancellationToken cancel);
}

/// <summary>Rows of one stream's business day.</summary>
internal sealed record DayExtent(IdRange Ids, long Rows);

/// <summary>Rows in a rented array: disposed when the last of them has been handed to the log.</summary>
/// <param name="end">Everything at or before it has been read.</param>
/// <param name="isLast">Nothing more is below the bound that was asked for.</param>
internal sealed class Page(SourceRow[] rows, int count, SourcePosition end, bool isLast, Action<SourceRow[]> giveBack) : IDisposable
{
    private SourceRow[]? _rows = rows;

    public ReadOnlySpan<SourceRow> Rows => _rows.AsSpan(0, Count);

    public int Count { get; } = count;

    public SourcePosition End { get; } = end;

    public bool IsLast { get; } = isLast;

    /// <summary>Pages by id: the first id that has not been read.</summary>
    public long NextId { get; init; }

    public void Dispose()
    {
        if (_rows is not null) giveBack(_rows);
        _rows = null;
    }
}

/// <summary>The source's server can't be reached, went away, or gave the lock to another: all of it passes.</summary>
internal sealed class SourceUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The source must not be read as it is, and only an operator can change that.</summary>
internal sealed class SourceRefusedException(string message) : Exception(message);
