using System.Runtime.CompilerServices;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Source;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests.Ports;

/// <summary>The source as an ingest sees it.</summary>
internal sealed class SourcePort(SimulatedProcess process, Network network, SimulatedServer mysql, SourceTables tables, LogTopics topics, Mechanism without) : ISource
{
    public async Task<ISourceSession?> TryAcquireAsync(CancellationToken cancel)
    {
        var session = new SourceSession(process, network, mysql, tables, topics, without);
        // A connection that is lost gives the lock back.
        process.OnDeath(session.Close);
        try
        {
            var acquired = await network.CallAsync(process, mysql, "get_lock", () =>
            {
                if (tables.LockHolder is not null) return false;
                tables.LockHolder = session;
                return true;
            });
            if (acquired) return session;
        }
        catch (SourceUnavailableException)
        {
            session.Close();
            throw;
        }
        return null;
    }
}

/// <summary>The connections of one active ingest: that of the lock, and those that read.</summary>
internal sealed class SourceSession : ISourceSession
{
    private readonly SimulatedProcess _process;
    private readonly Network _network;
    private readonly SimulatedServer _mysql;
    private readonly SourceTables _tables;
    private readonly LogTopics _topics;
    private readonly Mechanism _without;
    private readonly int _restarts;

    public SourceSession(SimulatedProcess process, Network network, SimulatedServer mysql, SourceTables tables, LogTopics topics, Mechanism without) =>
        (_process, _network, _mysql, _tables, _topics, _without, _restarts) = (process, network, mysql, tables, topics, without, mysql.Restarts);

    public SimulatedProcess Process => _process;

    public async Task<SourceServer> LookAtServerAsync(CancellationToken cancel) => await ReadAsync("looks at the server", () => new SourceServer("the source",
        SourceStreams.All.ToDictionary(stream => stream, stream => _tables.Rows(stream).Select(row => row.Id).DefaultIfEmpty(0).Max())));

    /// <summary>The clock first; then, later, what is open.</summary>
    public async Task<SourceLook> LookAsync(bool fresh, CancellationToken cancel)
    {
        var now = await ReadAsync("reads the clock", () => _tables.LockHolder == this
            ? _tables.Now
            : throw new SourceUnavailableException("the lock was lost"));
        var (open, isFresh) = await ReadAsync("reads what is open", _tables.ReadOpen);
        return new SourceLook(now, open, isFresh && fresh);
    }

    public Task<IReadOnlyDictionary<SourceStream, SourceTime?>> NewestAsync(CancellationToken cancel) =>
        ReadAsync<IReadOnlyDictionary<SourceStream, SourceTime?>>("reads the newest", () => SourceStreams.All.ToDictionary(stream => stream, stream =>
            _tables.Rows(stream).Select(row => (SourceTime?)row.UpdatedAt).Max()));

    public Task<Page> ReadPageAsync(SourceStream stream, SourcePosition after, SourceTime below, int rowsMax, CancellationToken cancel) =>
        ReadAsync(stream == SourceStream.ViewLogs ? "reads view logs" : "reads ad views", () =>
        {
            var rows = _tables.Rows(stream)
                .Where(row => row.Position > after && (row.UpdatedAt < below || row.UpdatedAt == after.UpdatedAt))
                .OrderBy(row => row.Position).Take(rowsMax).Select(WithCreator).ToArray();
            return PageOf(rows, rows.Length == 0 ? after : rows[^1].Position, rows.Length < rowsMax);
        });

    public Task<DayExtent?> ReadExtentAsync(SourceStream stream, BusinessDay day, SourceTime below, CancellationToken cancel) =>
        ReadAsync("reads the extent of a day", () =>
        {
            var ids = _tables.Rows(stream).Where(row => row.LogDate == day.Number && row.UpdatedAt < below).Select(row => row.Id).ToList();
            return ids.Count == 0 ? null : new DayExtent(new IdRange(ids[0], ids[^1]), ids.Count);
        });

    public async IAsyncEnumerable<Page> ReadDayAsync(
        SourceStream stream, BusinessDay day, IdRange ids, SourceTime below, int rowsMax, [EnumeratorCancellation] CancellationToken cancel)
    {
        for (var next = ids.First; next <= ids.Last;)
        {
            var rows = await ReadAsync("reads a day again", () => _tables.Rows(stream)
                .Where(row => row.LogDate == day.Number && row.UpdatedAt < below && row.Id >= next && row.Id <= ids.Last)
                .Take(rowsMax).Select(WithCreator).ToArray());
            next = rows.Length < rowsMax ? ids.Last + 1 : rows[^1].Id + 1;
            yield return PageOf(rows, SourcePosition.Beginning, next > ids.Last);
        }
    }

    public Task<Page> ReadRowAsync(SourceStream stream, long id, CancellationToken cancel) => ReadAsync("reads a row", () =>
        PageOf(_tables.TryFind(stream, id, out var row) ? [WithCreator(row)] : [], SourcePosition.Beginning, true));

    public Task<IReadOnlyDictionary<SourceStream, ControlTotals>> ReadTotalsAsync(BusinessDay day, SourceTime below, CancellationToken cancel) =>
        ReadAsync<IReadOnlyDictionary<SourceStream, ControlTotals>>("reads the totals", () =>
        {
            _tables.TotalsReadAt.TryAdd((day, below.Micros), _tables.Now.Micros);
            return SourceStreams.All.ToDictionary(stream => stream, stream =>
                _without == Mechanism.Totals ? _topics.TotalsOfPublished(stream, day, below) : _tables.Totals(stream, day, below));
        });

    public ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    /// <summary>The server frees the lock when the connection is gone, whoever closed it.</summary>
    public void Close()
    {
        if (_tables.LockHolder == this) _tables.LockHolder = null;
    }

    private Task<T> ReadAsync<T>(string what, Func<T> read) => _network.CallAsync(_process, _mysql, what, () =>
        _mysql.Restarts == _restarts ? read() : throw new SourceUnavailableException("the connection is gone"));

    private SourceRow WithCreator(SourceRow row)
    {
        row.CreatorId = _tables.Creators.GetValueOrDefault(row.ContentId);
        return row;
    }

    private static Page PageOf(SourceRow[] rows, SourcePosition end, bool isLast) => new(rows, rows.Length, end, isLast, _ => { });
}
