using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Sink;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.Ingest;

/// <summary>
/// Publishes a day's rows again, whatever was published before: the id range is split into 1, 2, 4 or 8 parts that are paged in
/// parallel. Rows at or above the bound are left to the stream itself.
/// </summary>
internal sealed class Backfill(ISourceSession source, ILog log, IngestOptions options, IngestMeters meters)
{
    /// <summary>Eight parts at once hold eight pages: each is a quarter of the stream's.</summary>
    private readonly int _pageRows = Math.Max(1, options.PageRows / 4);

    /// <returns>Rows published and acknowledged.</returns>
    public async Task<long> RunAsync(SourceStream stream, BusinessDay day, SourceTime below, CancellationToken cancel)
    {
        if (await source.ReadExtentAsync(stream, day, below, cancel) is not { } extent) return 0;
        var parts = BackfillGrid.Split(extent.Ids, extent.Rows).Select(ids => RunPartAsync(stream, day, ids, below, cancel));
        return (await Task.WhenAll(parts)).Sum();
    }

    private async Task<long> RunPartAsync(SourceStream stream, BusinessDay day, IdRange ids, SourceTime below, CancellationToken cancel)
    {
        var (rows, acknowledged, askedAt) = (0L, Task.CompletedTask, meters.NowMs);
        await foreach (var page in source.ReadDayAsync(stream, day, ids, below, _pageRows, cancel))
        {
            rows += page.Count;
            meters.Read(stream, page.Count, askedAt);
            var published = await log.PublishAsync(stream, page, options.SourceEpoch, cancel);
            await acknowledged.WaitAsync(cancel);
            (acknowledged, askedAt) = (published, meters.NowMs);
        }
        await acknowledged.WaitAsync(cancel);
        meters.Repaired(stream, rows);
        return rows;
    }
}
