using MySql.Data.MySqlClient;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.Ingest.Source;

/// <summary>The source in MySQL or MariaDB.</summary>
internal sealed class MySqlSource(IngestOptions options, TimeProvider time) : ISource
{
    private readonly MySqlSettings _settings = new(options);

    public async Task<ISourceSession?> TryAcquireAsync(CancellationToken cancel)
    {
        var control = new MySqlThread("control", _settings);
        var look = new LookQueries(_settings);
        try
        {
            if (await control.RunAsync(look.TryLock, cancel)) return new MySqlSession(control, look, _settings, time);
        }
        catch
        {
            await control.DisposeAsync();
            throw;
        }
        await control.DisposeAsync();
        return null;
    }
}

/// <summary>
/// The active ingest's connections: one holds the lock and looks, one reads each stream, others come and go for what concerns whole
/// days. Closing the first gives the lock to a standby.
/// </summary>
internal sealed class MySqlSession : ISourceSession
{
    private readonly MySqlThread _control;
    private readonly LookQueries _look;
    private readonly MySqlSettings _settings;
    private readonly TimeProvider _time;
    private readonly DayQueries _days;
    private readonly IReadOnlyDictionary<SourceStream, (MySqlThread Thread, PageQueries Pages)> _streams;
    private readonly Lock _gate = new();
    private readonly List<Aside> _asides = [];

    public MySqlSession(MySqlThread control, LookQueries look, MySqlSettings settings, TimeProvider time)
    {
        (_control, _look, _settings, _time, _days) = (control, look, settings, time, new DayQueries(settings));
        _streams = SourceStreams.All.ToDictionary(stream => stream, stream => (new MySqlThread(stream.Name(), settings), new PageQueries(stream, settings, time)));
    }

    public Task<SourceServer> LookAtServerAsync(CancellationToken cancel) => _control.RunAsync(LookQueries.ReadServer, cancel);

    public Task<SourceLook> LookAsync(bool fresh, CancellationToken cancel) => _control.RunAsync(connection => _look.Look(connection, fresh), cancel);

    public Task<IReadOnlyDictionary<SourceStream, SourceTime?>> NewestAsync(CancellationToken cancel) => _control.RunAsync(_look.ReadNewest, cancel);

    public Task<Page> ReadPageAsync(SourceStream stream, SourcePosition after, SourceTime below, int rowsMax, CancellationToken cancel)
    {
        var (thread, pages) = _streams[stream];
        return thread.RunAsync(connection => pages.Read(connection, after, below, rowsMax), cancel);
    }

    public Task<DayExtent?> ReadExtentAsync(SourceStream stream, BusinessDay day, SourceTime below, CancellationToken cancel) =>
        AsideAsync((connection, _) => _days.ReadExtent(connection, stream, day, below), cancel);

    public Task<Page> ReadDayPageAsync(SourceStream stream, BusinessDay day, IdRange ids, SourceTime below, int rowsMax, CancellationToken cancel) =>
        AsideAsync((connection, pages) => pages[stream].ReadDay(connection, day, ids, below, rowsMax), cancel);

    public Task<Page> ReadRowAsync(SourceStream stream, long id, CancellationToken cancel) =>
        AsideAsync((connection, pages) => pages[stream].ReadRow(connection, id), cancel);

    public async Task<IReadOnlyDictionary<SourceStream, ControlTotals>> ReadTotalsAsync(BusinessDay day, SourceTime below, CancellationToken cancel)
    {
        var totals = await Task.WhenAll(SourceStreams.All.Select(stream =>
            AsideAsync((connection, _) => _days.ReadTotals(connection, stream, day, below), cancel)));
        return SourceStreams.All.ToDictionary(stream => stream, stream => totals[(int)stream]);
    }

    public async ValueTask DisposeAsync()
    {
        // The lock first: a standby need not wait for a page that is still being read here.
        await _control.DisposeAsync();
        foreach (var (thread, _) in _streams.Values) await thread.DisposeAsync();
        foreach (var aside in _asides.ToList()) await aside.Thread.DisposeAsync();
    }

    /// <summary>Runs on a connection that nobody uses at the moment.</summary>
    private async Task<T> AsideAsync<T>(Func<MySqlConnection, IReadOnlyDictionary<SourceStream, PageQueries>, T> work, CancellationToken cancel)
    {
        Aside aside;
        lock (_gate)
        {
            if (_asides.Find(idle => !idle.IsBusy && !idle.Thread.IsBroken) is { } found) aside = found;
            else _asides.Add(aside = new Aside(new MySqlThread($"aside-{_asides.Count}", _settings), Pages()));
            aside.IsBusy = true;
        }
        try
        {
            return await aside.Thread.RunAsync(connection => work(connection, aside.Pages), cancel);
        }
        finally
        {
            lock (_gate) aside.IsBusy = false;
        }
    }

    private Dictionary<SourceStream, PageQueries> Pages() =>
        SourceStreams.All.ToDictionary(stream => stream, stream => new PageQueries(stream, _settings, _time));

    private sealed class Aside(MySqlThread thread, IReadOnlyDictionary<SourceStream, PageQueries> pages)
    {
        public MySqlThread Thread => thread;

        public IReadOnlyDictionary<SourceStream, PageQueries> Pages => pages;

        public bool IsBusy { get; set; }
    }
}
