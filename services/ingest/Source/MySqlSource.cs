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
        var control = new SourceConnection(_settings, time);
        var look = new LookQueries(_settings);
        var isActive = false;
        try
        {
            isActive = await control.RunAsync(look.TryLockAsync, cancel);
        }
        finally
        {
            if (!isActive) await control.DisposeAsync();
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
    private readonly CancellationTokenSource _closing = new();
    private readonly SourceConnection _control;
    private readonly LookQueries _look;
    private readonly MySqlSettings _settings;
    private readonly TimeProvider _time;
    private readonly DayQueries _days;
    private readonly IReadOnlyDictionary<SourceStream, (SourceConnection Connection, PageQueries Pages)> _streams;

    public MySqlSession(SourceConnection control, LookQueries look, MySqlSettings settings, TimeProvider time)
    {
        (_control, _look, _settings, _time, _days) = (control, look, settings, time, new DayQueries(settings));
        _streams = SourceStreams.All.ToDictionary(stream => stream, stream => (new SourceConnection(settings, time), new PageQueries(stream, settings, time)));
    }

    public Task<SourceServer> LookAtServerAsync(CancellationToken cancel) => _control.RunAsync(LookQueries.ReadServerAsync, cancel);

    public Task<SourceLook> LookAsync(bool fresh, CancellationToken cancel) =>
        _control.RunAsync((connection, cancel) => _look.LookAsync(connection, fresh, cancel), cancel);

    public Task<IReadOnlyDictionary<SourceStream, SourceTime?>> NewestAsync(CancellationToken cancel) => _control.RunAsync(_look.ReadNewestAsync, cancel);

    public Task<Page> ReadPageAsync(SourceStream stream, SourcePosition after, SourceTime below, int rowsMax, CancellationToken cancel)
    {
        var (connection, pages) = _streams[stream];
        return connection.RunAsync((open, cancel) => pages.ReadAsync(open, after, below, rowsMax, cancel), cancel);
    }

    public Task<DayExtent?> ReadExtentAsync(SourceStream stream, BusinessDay day, SourceTime below, CancellationToken cancel) =>
        AsideAsync((connection, cancel) => _days.ReadExtentAsync(connection, stream, day, below, cancel), cancel);

    public async IAsyncEnumerable<Page> ReadDayAsync(
        SourceStream stream, BusinessDay day, IdRange ids, SourceTime below, int rowsMax, [EnumeratorCancellation] CancellationToken cancel)
    {
        await using var connection = new SourceConnection(_settings, _time);
        var pages = new PageQueries(stream, _settings, _time);
        for (var next = ids.First; next <= ids.Last;)
        {
            var rest = ids with { First = next };
            var page = await connection.RunAsync((open, cancel) => pages.ReadDayAsync(open, day, rest, below, rowsMax, cancel), cancel);
            next = page.IsLast ? checked(ids.Last + 1) : page.NextId;
            yield return page;
        }
    }

    /// <summary>Nothing else is asked of the stream meanwhile. Its creators are looked up again: they may have been corrected a moment ago.</summary>
    public Task<Page> ReadRowAsync(SourceStream stream, long id, CancellationToken cancel) =>
        _streams[stream].Connection.RunAsync((connection, cancel) => new PageQueries(stream, _settings, _time).ReadRowAsync(connection, id, cancel), cancel);

    public async Task<IReadOnlyDictionary<SourceStream, ControlTotals>> ReadTotalsAsync(BusinessDay day, SourceTime below, CancellationToken cancel)
    {
        var totals = await Task.WhenAll(SourceStreams.All.Select(stream =>
            AsideAsync((connection, cancel) => _days.ReadTotalsAsync(connection, stream, day, below, cancel), cancel)));
        return SourceStreams.All.ToDictionary(stream => stream, stream => totals[(int)stream]);
    }

    /// <summary>The lock first: whoever waits for it does not wait for what the others still ask, which is cancelled.</summary>
    public async ValueTask DisposeAsync()
    {
        await _control.DisposeAsync();
        await _closing.CancelAsync();
        await Task.WhenAll(_streams.Values.Select(stream => stream.Connection.DisposeAsync().AsTask()));
        _closing.Dispose();
    }

    /// <summary>On a connection of its own for what takes minutes. Nobody need be waiting for the answer when the session ends.</summary>
    private async Task<T> AsideAsync<T>(Func<MySqlConnection, CancellationToken, Task<T>> work, CancellationToken cancel)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, _closing.Token);
        await using var connection = new SourceConnection(_settings, _time);
        return await connection.RunAsync(work, either.Token);
    }
}
