using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;

namespace StreamSettlement.UnitTests.Aggregator;

public sealed class ClaimCacheTests
{
    private static readonly LogPartition At = new(SourceStream.ViewLogs, 0);

    [Fact]
    public void The_least_recently_used_block_goes_first()
    {
        var cache = new ClaimCache(bytesMax: 550);
        foreach (var block in new long[] { 1, 2, 3 }) cache.Load(Key(block), new ClaimBlock());
        cache.Claim(Key(1), rowId: 1 << 16, chunk: 1, []);
        cache.Shrink(committed: 1);
        Assert.Equal((true, false, true), (cache.Contains(Key(1)), cache.Contains(Key(2)), cache.Contains(Key(3))));
    }

    [Fact]
    public void A_block_with_ids_that_are_not_committed_stays()
    {
        var cache = new ClaimCache(bytesMax: 0);
        cache.Load(Key(1), new ClaimBlock());
        var changed = new List<ClaimCache.Entry>();
        Assert.True(cache.Claim(Key(1), 1 << 16, chunk: 7, changed));
        Assert.Single(changed);
        cache.Shrink(committed: 6);
        Assert.True(cache.Contains(Key(1)));
        cache.Shrink(committed: 7);
        Assert.False(cache.Contains(Key(1)));
        Assert.Equal(0, cache.Bytes);
    }

    [Fact]
    public void A_partition_given_away_is_forgotten()
    {
        var cache = new ClaimCache(bytesMax: 1 << 20);
        var other = new LogPartition(SourceStream.AdViews, 0);
        cache.Load(Key(1), new ClaimBlock());
        cache.Load(Key(1) with { At = other }, new ClaimBlock());
        cache.Forget(At);
        Assert.Equal((false, true), (cache.Contains(Key(1)), cache.Contains(Key(1) with { At = other })));
    }

    private static ClaimKey Key(long block) => new(At, Rows.Day, 1, block);
}
