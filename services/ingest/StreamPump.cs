using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Sink;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.Ingest;

/// <summary>
/// Moves one stream's rows from the source to the log, page by page: while a page is being published and acknowledged, the next
/// one is being read.
/// </summary>
internal sealed class StreamPump(
    SourceStream stream, ISourceSession source, ILog log, StreamCursor cursor, IngestOptions options, IngestMeters meters, TimeProvider time)
{
    private StreamCursor _cursor = cursor;

    public SourceStream Stream => stream;

    /// <summary>Every row at or before it is acknowledged; the stored cursor says the same.</summary>
    public SourcePosition Position => _cursor.Position;

    /// <param name="below">No row at or above it is read.</param>
    /// <param name="interrupted">Asked between pages: the loop has something else to do.</param>
    /// <returns>Whether every row below the bound is published and acknowledged.</returns>
    public async Task<bool> RunAsync(SourceTime below, Func<bool> interrupted, CancellationToken cancel)
    {
        var (askedAt, reading) = (meters.NowMs, AskAsync(Position, below, cancel));
        (Task Acknowledged, Page Page, long ReadAt)? publishing = null;
        while (true)
        {
            var page = await ReadAsync();
            var readAt = time.GetTimestamp();
            meters.Read(stream, page.Count, askedAt);
            var goesOn = !page.IsLast && !interrupted();
            if (goesOn) (askedAt, reading) = (meters.NowMs, AskAsync(page.End, below, cancel));
            var highestId = HighestId(page);
            var acknowledged = await log.PublishAsync(stream, page, options.SourceEpoch, cancel);
            if (publishing is { } previous) await ConfirmAsync(previous, cancel);
            publishing = (acknowledged, page, readAt);
            _highestPublished = Math.Max(_highestPublished, highestId);
            if (goesOn) continue;
            await ConfirmAsync(publishing.Value, cancel);
            return page.IsLast;
        }

        async Task<Page> ReadAsync()
        {
            try
            {
                return await reading;
            }
            catch (SourceRefusedException) when (publishing is not null)
            {
                // Reading is tried again every second until the row is mended: the page before it is not to be published each time.
                await ConfirmAsync(publishing.Value, cancel);
                throw;
            }
        }
    }

    private long _highestPublished = cursor.HighestId;

    private Task<Page> AskAsync(SourcePosition after, SourceTime below, CancellationToken cancel) =>
        source.ReadPageAsync(stream, after, below, options.PageRows, cancel);

    /// <summary>The cursor follows only what is acknowledged: a crash in between publishes the page again and loses nothing.</summary>
    private async Task ConfirmAsync((Task Acknowledged, Page Page, long ReadAt) published, CancellationToken cancel)
    {
        await published.Acknowledged.WaitAsync(cancel);
        if (published.Page.End == Position) return;
        _cursor = _cursor with
        {
            UpdatedAt = published.Page.End.UpdatedAt.Micros,
            Id = published.Page.End.Id,
            HighestId = _highestPublished,
        };
        await log.SaveAsync(stream.Name(), _cursor, cancel);
        meters.Published(stream, published.Page.Count, time.GetElapsedTime(published.ReadAt));
    }

    private static long HighestId(Page page)
    {
        long highest = 0;
        foreach (ref readonly var row in page.Rows) highest = Math.Max(highest, row.Id);
        return highest;
    }
}
