using Google.Protobuf;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.UnitTests.Ingest;

public class RowEncoderTests
{
    public static TheoryData<string> Rows => new(Samples.Keys);

    private static readonly Dictionary<string, SourceRow> Samples = new()
    {
        ["usual"] = new SourceRow
        {
            Id = 1_000_001, MemberId = 17, ContentId = 20_000, CreatorId = 3, AdvertisementId = 5, LogDate = 20_261_121, WatchSeconds = 300,
            LastPositionSeconds = 299, Status = 3, CreatedAt = new SourceTime(1_795_364_480_831_015), UpdatedAt = new SourceTime(1_795_364_481_000_000),
        },
        ["nothing known"] = default,
        ["extremes"] = new SourceRow
        {
            Id = long.MaxValue, MemberId = long.MaxValue, ContentId = long.MaxValue, CreatorId = long.MaxValue, AdvertisementId = long.MaxValue, LogDate = int.MaxValue,
            WatchSeconds = int.MinValue, LastPositionSeconds = -1, Status = 3, CreatedAt = new SourceTime(-1), UpdatedAt = new SourceTime(long.MinValue),
        },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_view_log_carries_every_column(string sample)
    {
        var row = Samples[sample];
        var expected = new SourceRecord
        {
            ViewLog = new ViewLog
            {
                Id = row.Id, SourceEpoch = 2, MemberId = row.MemberId, ContentId = row.ContentId, CreatorId = row.CreatorId, LogDate = row.LogDate,
                WatchSeconds = row.WatchSeconds, LastPositionSeconds = row.LastPositionSeconds, Status = (ViewStatus)row.Status,
                CreatedAt = row.CreatedAt.Micros, UpdatedAt = row.UpdatedAt.Micros,
            },
        };
        Assert.Equal(expected, SourceRecord.Parser.ParseFrom(Encode(SourceStream.ViewLogs, row)));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void An_ad_view_carries_every_column(string sample)
    {
        var row = Samples[sample];
        var expected = new SourceRecord
        {
            AdView = new AdView
            {
                Id = row.Id, SourceEpoch = 2, MemberId = row.MemberId, ContentId = row.ContentId, CreatorId = row.CreatorId,
                AdvertisementId = row.AdvertisementId, LogDate = row.LogDate, CreatedAt = row.CreatedAt.Micros, UpdatedAt = row.UpdatedAt.Micros,
            },
        };
        Assert.Equal(expected, SourceRecord.Parser.ParseFrom(Encode(SourceStream.AdViews, row)));
    }

    [Fact]
    public void A_row_has_nothing_of_the_row_before()
    {
        var encoder = new RowEncoder(SourceStream.ViewLogs, 2);
        Encode(encoder, Samples["usual"]);
        Assert.Equal(Encode(SourceStream.ViewLogs, Samples["nothing known"]), Encode(encoder, Samples["nothing known"]));
    }

    private static byte[] Encode(SourceStream stream, SourceRow row) => Encode(new RowEncoder(stream, 2), row);

    private static byte[] Encode(RowEncoder encoder, SourceRow row)
    {
        var value = new byte[RowEncoder.ValueBytesMax];
        return value[..encoder.Encode(row, value)];
    }
}
