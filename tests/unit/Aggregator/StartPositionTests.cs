using StreamSettlement.Aggregator.Core;

namespace StreamSettlement.UnitTests.Aggregator;

public sealed class StartPositionTests
{
    [Theory]
    // next by rollups, committed by the group (-1: none), first, end → offset, kind
    [InlineData(0, -1, 0, 0, 0, "Continue")]
    [InlineData(0, -1, 0, 100, 0, "Continue")]
    [InlineData(50, 50, 0, 100, 50, "Continue")]
    [InlineData(50, -1, 50, 100, 50, "Continue")]
    [InlineData(100, 100, 0, 100, 100, "Continue")]
    [InlineData(50, 0, 0, 100, 0, "ReadAgain")]
    [InlineData(50, 20, 30, 100, 30, "ReadAgain")]
    [InlineData(50, 80, 0, 100, 50, "AheadRefused")]
    [InlineData(50, -1, 0, 49, 0, "Recreated")]
    [InlineData(50, -1, 0, 100, 0, "Recreated")]
    [InlineData(50, 50, 0, 0, 0, "Recreated")]
    [InlineData(50, 50, 60, 100, 60, "RecordsMissing")]
    [InlineData(0, -1, 5, 100, 5, "RecordsMissing")]
    public void Reading_starts_where_nothing_is_skipped(long next, long committed, long first, long end, long offset, string kind) => Assert.Equal(
        new StartPosition(offset, Enum.Parse<StartKind>(kind)), StartPosition.Decide(next, committed < 0 ? null : committed, first, end));
}
