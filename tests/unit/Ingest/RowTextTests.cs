using System.Text;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.UnitTests.Ingest;

public class RowTextTests
{
    [Fact]
    public void Every_column_arrives()
    {
        var row = Assert.Single(Parse(SourceStream.ViewLogs, "7,8,9,300,299,3,2026-11-21,1970-01-01 00:00:01.000002,2026-11-21 12:34:56.789012"));
        Assert.Equal((7L, 8L, 9L, 300, 299, 3, 20_261_121), (row.Id, row.MemberId, row.ContentId, row.WatchSeconds, row.LastPositionSeconds, row.Status, row.LogDate));
        Assert.Equal(1_000_002, row.CreatedAt.Micros);
        Assert.Equal("2026-11-21T12:34:56.789012Z", row.UpdatedAt.ToString());
    }

    [Fact]
    public void Lines_follow_each_other()
    {
        var rows = Parse(SourceStream.AdViews, "1,2,3,4,2026-11-21,2026-11-21 00:00:00.000000,2026-11-21 00:00:00.000000\n5,6,7,8,2026-11-22,2026-11-21 00:00:00.000000,2026-11-21 00:00:00.000001");
        Assert.Equal([(1L, 4L), (5L, 8L)], rows.Select(row => (row.Id, row.AdvertisementId)));
        Assert.True(rows[0].Position < rows[1].Position);
    }

    [Fact]
    public void Times_are_taken_back_to_UTC()
    {
        var row = Parse(SourceStream.AdViews, "1,2,3,4,2026-11-21,2026-11-21 09:00:00.000000,2026-11-21 09:00:00.000000", offsetHours: 9)[0];
        Assert.Equal("2026-11-21T00:00:00.000000Z", row.UpdatedAt.ToString());
    }

    [Fact]
    public void Negative_seconds_and_zero_dates_are_passed_on_for_the_aggregator_to_refuse()
    {
        var row = Parse(SourceStream.ViewLogs, "7,8,9,-5,-1,0,0000-00-00,0000-00-00 00:00:00.000000,2026-11-21 12:34:56.789012")[0];
        Assert.Equal((-5, -1, 0, 0, 0L), (row.WatchSeconds, row.LastPositionSeconds, row.Status, row.LogDate, row.CreatedAt.Micros));
    }

    [Theory]
    [InlineData("18446744073709551615,2,3,4,2026-11-21,2026-11-21 00:00:00.000000,2026-11-21 00:00:00.000000")]
    [InlineData("1,2,3,4,2026-11-21,2026-11-21 00:00:00.000000,2026-11-21 00:0")]
    [InlineData("1,2,3,4,2026-11-2x,2026-11-21 00:00:00.000000,2026-11-21 00:00:00.000000")]
    public void What_can_not_be_read_is_shown(string line)
    {
        var fault = Assert.Throws<FormatException>(() => Parse(SourceStream.AdViews, line));
        Assert.Contains(line, fault.Message, StringComparison.Ordinal);
    }

    private static SourceRow[] Parse(SourceStream stream, string text, int offsetHours = 0)
    {
        var (rows, count) = (new SourceRow[10], 0);
        RowText.Parse(stream, Encoding.ASCII.GetBytes(text), offsetHours * 3_600_000_000L, rows, ref count);
        return rows[..count];
    }
}
