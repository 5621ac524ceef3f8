using System.Runtime.CompilerServices;
using MySqlConnector;
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
        var isActive = false;
        try
        {
            isActive = await control.RunAsync(look.TryLock, cancel);
        }
        finally
        {
            if (!isActive) control.Dispose();
        }
        return isActive ? new MySqlSession(control, look, _settings, time) : null;
    }
}

/// <summary>
/// The active ingest's connections: one holds the lock and looks, one reads each stream, others live for one question about a whole day.
/// Closing the first gives the lock to a standby.
/// </summary>
internal sealed class MySqlSession : ISourceSession
{
    private readonly MySqlThread _control;
    private readonly LookQueries _look;
    private readonly MySqlSettings _settings;
    private readonly TimeProvider _time;
    private readonly DayQueries _days;
    private readonly IReadOnlyDictionary<SourceStream, (MySqlThread Thread, PageQueries Pages)> _streams;

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
        AsideAsync($"extent {stream.Name()}", connection => _days.ReadExtent(connection, stream, day, below), cancel);

    public async IAsyncEnumerable<Page> ReadDayAsync(
        SourceStream stream, BusinessDay day, IdRange ids, SourceTime below, int rowsMax, [EnumeratorCancellation] CancellationToken cancel)
    {
        using var thread = new MySqlThread($"day {stream.Name()}", _settings);
        var pages = new PageQueries(stream, _settings, _time);
        for (var next = ids.First; next <= ids.Last;)
        {
            var rest = ids with { First = next };
            var page = await thread.RunAsync(connection => pages.ReadDay(connection, day, rest, below, rowsMax), cancel);
            next = page.IsLast ? checked(ids.Last + 1) : page.NextId;
            yield return page;
        }
    }

    /// <summary>Nothing else is asked of the stream meanwhile. Its creators are looked up anew: they may have been corrected a moment ago.</summary>
    public Task<Page> ReadRowAsync(SourceStream stream, long id, CancellationToken cancel) =>
        _streams[stream].Thread.RunAsync(connection => new PageQueries(stream, _settings, _time).ReadRow(connection, id), cancel);

    public async Task<IReadOnlyDictionary<SourceStream, ControlTotals>> ReadTotalsAsync(BusinessDay day, SourceTime below, CancellationToken cancel)
    {
        var totals = await Task.WhenAll(SourceStreams.All.Select(stream =>
            AsideAsync($"totals {stream.Name()}", connection => _days.ReadTotals(connection, stream, day, below), cancel)));
        return SourceStreams.All.ToDictionary(stream => stream, stream => totals[(int)stream]);
    }

    /// <summary>Waits for the lock alone: what the others still ask may take an hour, or never be answered.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var (thread, _) in _streams.Values) thread.Dispose();
        _control.Dispose();
        await _control.Closed;
    }

    /// <summary>On a connection of its own for what takes minutes.</summary>
    private async Task<T> AsideAsync<T>(string what, Func<MySqlConnection, T> work, CancellationToken cancel)
    {
        using var thread = new MySqlThread(what, _settings);
        return await thread.RunAsync(work, cancel);
    }
}
