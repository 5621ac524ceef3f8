using System.Globalization;
using System.Text;
using Google.Protobuf;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;

namespace StreamSettlement.UnitTests.Aggregator;

/// <summary>Records as ingest writes them, for tests to spoil.</summary>
internal static class Rows
{
    public const int Partitions = 12;

    public static readonly Topics Topics = new("");

    public static readonly BusinessDay Day = BusinessDay.Of(2026, 11, 21);

    public static readonly BusinessDay LatestDay = Day.AddDays(1);

    /// <summary>2026-11-21T12:00:00Z</summary>
    public static readonly SourceTime Noon = SourceTime.FromUtc(new DateTime(2026, 11, 21, 12, 0, 0, DateTimeKind.Utc));

    public static ViewLog View(long id = 1, long content = 7) => new()
    {
        Id = id, SourceEpoch = 1, MemberId = 3, ContentId = content, CreatorId = 5, LogDate = Day.Number, WatchSeconds = 60,
        LastPositionSeconds = 60, Status = ViewStatus.Completed, CreatedAt = Noon.Micros, UpdatedAt = Noon.Micros,
    };

    public static AdView Ad(long id = 1, long content = 7) => new()
    {
        Id = id, SourceEpoch = 1, MemberId = 3, ContentId = content, CreatorId = 5, AdvertisementId = 9, LogDate = Day.Number,
        CreatedAt = Noon.Micros, UpdatedAt = Noon.Micros,
    };

    public static DayMarker Marker(int attempt = 1) => new()
    {
        Stream = "view-logs", LogDate = Day.Number, Attempt = attempt, Cutoff = Noon.Micros, Horizon = Noon.Micros, Rows = 10, IdSum = 55, WatchSeconds = 600,
    };

    public static Verdict Judged(ViewLog row) => Judged(new SourceRecord { ViewLog = row }, SourceStream.ViewLogs, row.ContentId);

    public static Verdict Judged(AdView row) => Judged(new SourceRecord { AdView = row }, SourceStream.AdViews, row.ContentId);

    public static Verdict Judged(DayMarker marker) => Judge.Of(
        new LogPartition(SourceStream.ViewLogs, 0), Partitions, Raw(null, new SourceRecord { DayMarker = marker }.ToByteArray()), LatestDay, Topics);

    /// <summary>In the partition and with the key that belong to the content.</summary>
    public static Verdict Judged(SourceRecord record, SourceStream stream, long content)
    {
        var key = Encoding.ASCII.GetBytes(content.ToString(CultureInfo.InvariantCulture));
        return Judge.Of(new LogPartition(stream, Partitioner.PartitionOf(key, Partitions)), Partitions, Raw(key, record.ToByteArray()), LatestDay, Topics);
    }

    public static RawRecord Raw(byte[]? key, byte[]? value) => new(key is not null, key, value is not null, value);
}
