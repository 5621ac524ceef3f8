using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Sink;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.IntegrationTests.Faults;

/// <summary>What happens at the points of a page's and of a day's way through ingest; nothing by default.</summary>
internal sealed class IngestPoints
{
    private int _looks;
    private int _published;

    /// <summary>Pages of these streams are taken and neither sent nor acknowledged.</summary>
    public Func<SourceStream, bool> Swallows { get; init; } = _ => false;

    /// <summary>Everything that the record stands for is acknowledged, the record itself is not written.</summary>
    public Action<string, object> BeforeSave { get; init; } = (_, _) => { };

    public Func<SourceStream, DayMarker, Task> BeforeMarkers { get; init; } = (_, _) => Task.CompletedTask;

    public Func<BusinessDay, Task> BeforeTotals { get; init; } = _ => Task.CompletedTask;

    /// <summary>What MySQL shows, as the loop sees it.</summary>
    public Func<SourceLook, SourceLook> Looks { get; init; } = look => look;

    /// <summary>Pages handed to the log.</summary>
    public int Published => Volatile.Read(ref _published);

    /// <summary>Returns after the loop has gone round so many times more.</summary>
    public async Task RoundsAsync(int rounds)
    {
        var until = Volatile.Read(ref _looks) + rounds;
        await Aggregator.LogUnderTest.UntilAsync(() => Task.FromResult(Volatile.Read(ref _looks) >= until), () => Task.FromResult("ingest stands"));
    }

    public void Looked() => Interlocked.Increment(ref _looks);

    public void Publishes() => Interlocked.Increment(ref _published);
}

internal sealed class FaultyIngestLog(ILog inner, IngestPoints points) : ILog
{
    public Task<CursorRecords> OpenAsync(CancellationToken cancel) => inner.OpenAsync(cancel);

    public void Close() => inner.Close();

    public ValueTask<Task> PublishAsync(SourceStream stream, Page page, int sourceEpoch, CancellationToken cancel)
    {
        points.Publishes();
        if (!points.Swallows(stream)) return inner.PublishAsync(stream, page, sourceEpoch, cancel);
        page.Dispose();
        return ValueTask.FromResult<Task>(new TaskCompletionSource().Task);
    }

    public async Task PublishMarkerAsync(SourceStream stream, DayMarker marker, CancellationToken cancel)
    {
        await points.BeforeMarkers(stream, marker);
        await inner.PublishMarkerAsync(stream, marker, cancel);
    }

    public Task SaveAsync<T>(string key, T record, CancellationToken cancel)
    {
        points.BeforeSave(key, record!);
        return inner.SaveAsync(key, record, cancel);
    }

    public Task AnnounceAsync(ControlEvent happened, CancellationToken cancel) => inner.AnnounceAsync(happened, cancel);
}

internal sealed class FaultySource(ISource inner, IngestPoints points) : ISource
{
    public async Task<ISourceSession?> TryAcquireAsync(CancellationToken cancel) =>
        await inner.TryAcquireAsync(cancel) is { } session ? new FaultySession(session, points) : null;
}

internal sealed class FaultySession(ISourceSession inner, IngestPoints points) : ISourceSession
{
    public Task<SourceServer> LookAtServerAsync(CancellationToken cancel) => inner.LookAtServerAsync(cancel);

    public async Task<SourceLook> LookAsync(bool fresh, CancellationToken cancel)
    {
        var look = await inner.LookAsync(fresh, cancel);
        points.Looked();
        return points.Looks(look);
    }

    public Task<IReadOnlyDictionary<SourceStream, SourceTime?>> NewestAsync(CancellationToken cancel) => inner.NewestAsync(cancel);

    public Task<Page> ReadPageAsync(SourceStream stream, SourcePosition after, SourceTime below, int rowsMax, CancellationToken cancel) =>
        inner.ReadPageAsync(stream, after, below, rowsMax, cancel);

    public Task<DayExtent?> ReadExtentAsync(SourceStream stream, BusinessDay day, SourceTime below, CancellationToken cancel) =>
        inner.ReadExtentAsync(stream, day, below, cancel);

    public IAsyncEnumerable<Page> ReadDayAsync(SourceStream stream, BusinessDay day, IdRange ids, SourceTime below, int rowsMax, CancellationToken cancel) =>
        inner.ReadDayAsync(stream, day, ids, below, rowsMax, cancel);

    public Task<Page> ReadRowAsync(SourceStream stream, long id, CancellationToken cancel) => inner.ReadRowAsync(stream, id, cancel);

    public async Task<IReadOnlyDictionary<SourceStream, ControlTotals>> ReadTotalsAsync(BusinessDay day, SourceTime below, CancellationToken cancel)
    {
        await points.BeforeTotals(day);
        return await inner.ReadTotalsAsync(day, below, cancel);
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
