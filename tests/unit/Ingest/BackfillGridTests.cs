using StreamSettlement.Ingest.Core;

namespace StreamSettlement.UnitTests.Ingest;

public class BackfillGridTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(99, 1)]
    [InlineData(100, 2)]
    [InlineData(999, 2)]
    [InlineData(1_000, 4)]
    [InlineData(9_999, 4)]
    [InlineData(10_000, 8)]
    [InlineData(long.MaxValue, 8)]
    public void The_row_count_decides_the_parts(long rows, int parts) => Assert.Equal(parts, BackfillGrid.PartsFor(rows));

    [Theory]
    [InlineData(1, 100, 100, 2)]
    [InlineData(1, 10_007, 10_007, 8)]
    [InlineData(1_000_000, 9_000_000, 5_000, 4)]
    [InlineData(1, long.MaxValue, 10_000, 8)]
    public void The_parts_cover_the_range_once(long first, long last, long rows, int count)
    {
        var parts = BackfillGrid.Split(new IdRange(first, last), rows);
        Assert.Equal(count, parts.Count);
        Assert.Equal(first, parts[0].First);
        Assert.Equal(last, parts[^1].Last);
        Assert.All(parts.Zip(parts.Skip(1)), pair => Assert.Equal(pair.First.Last + 1, pair.Second.First));
    }

    [Fact]
    public void Fewer_ids_than_parts_give_a_part_for_each_id() =>
        Assert.Equal([new IdRange(7, 7), new IdRange(8, 8), new IdRange(9, 9)], BackfillGrid.Split(new IdRange(7, 9), 10_000));

    [Fact]
    public void An_empty_range_has_no_parts() => Assert.Empty(BackfillGrid.Split(new IdRange(2, 1), 0));
}
