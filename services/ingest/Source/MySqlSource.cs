using System.Collections.Concurrent;
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
    private readonly ConcurrentBag<MySqlThread> _idle = [];
    private int _opened;
    private volatile bool _disposed;

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
        AsideAsync(connection => _days.ReadExtent(connection, stream, day, below), cancel);

    public Task<Page> ReadDayPageAsync(SourceStream stream, BusinessDay day, IdRange ids, SourceTime below, int rowsMax, CancellationToken cancel) =>
        AsideAsync(connection => new PageQueries(stream, _settings, _time).ReadDay(connection, day, ids, below, rowsMax), cancel);

    public async Task<IReadOnlyDictionary<SourceStream, ControlTotals>> ReadTotalsAsync(BusinessDay day, SourceTime below, CancellationToken cancel)
    {
        var totals = await Task.WhenAll(SourceStreams.All.Select(stream =>
            AsideAsync(connection => _days.ReadTotals(connection, stream, day, below), cancel)));
        return SourceStreams.All.ToDictionary(stream => stream, stream => totals[(int)stream]);
    }

    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        // The lock first: a standby need not wait for a page that is still being read here.
        await _control.DisposeAsync();
        foreach (var (thread, _) in _streams.Values) await thread.DisposeAsync();
        foreach (var thread in _idle) await thread.DisposeAsync();
    }

    private async Task<T> AsideAsync<T>(Func<MySqlConnection, T> work, CancellationToken cancel)
    {
        if (!_idle.TryTake(out var thread)) thread = new MySqlThread($"aside-{Interlocked.Increment(ref _opened)}", _settings);
        try
        {
            return await thread.RunAsync(work, cancel);
        }
        finally
        {
            if (thread.IsBroken || _disposed) await thread.DisposeAsync();
            else _idle.Add(thread);
        }
    }
}
