using System.Text;
using Google.Protobuf;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;

namespace StreamSettlement.UnitTests.Aggregator;

public sealed class JudgeTests
{
    private static readonly LogPartition First = new(SourceStream.ViewLogs, 0);

    [Fact]
    public void A_completed_view_is_a_fact()
    {
        var verdict = Rows.Judged(Rows.View(id: 12, content: 34));
        Assert.True(verdict.IsFact);
        Assert.Equal(new Fact(12, 1, Rows.Day, new ContentId(34), new CreatorId(5), default, 60, Rows.Noon), verdict.Fact);
    }

    [Fact]
    public void An_ad_view_is_a_fact()
    {
        var verdict = Rows.Judged(Rows.Ad(id: 12, content: 34));
        Assert.True(verdict.IsFact);
        Assert.Equal(new Fact(12, 1, Rows.Day, new ContentId(34), new CreatorId(5), new AdvertisementId(9), 0, Rows.Noon), verdict.Fact);
    }

    [Fact]
    public void A_marker_is_a_marker_in_any_partition_and_without_key()
    {
        var verdict = Rows.Judged(Rows.Marker(attempt: 2));
        Assert.Equal(new Marker(Rows.Day, 2, Rows.Noon, Rows.Noon, new Totals(10, 55, 600)), verdict.Marker);
    }

    [Theory]
    [InlineData(ViewStatus.InProgress)]
    [InlineData(ViewStatus.Paused)]
    public void A_row_that_is_not_completed_is_passed_over_whatever_it_holds(ViewStatus status)
    {
        var row = Rows.View();
        (row.Status, row.CreatorId, row.WatchSeconds, row.LogDate) = (status, 0, -1, 99);
        Assert.Equal(Verdict.Unfinished, Rows.Judged(row));
    }

    public static TheoryData<string, string, Action<ViewLog>> BadViews => new()
    {
        { "a status nobody knows", "unknown-status", row => row.Status = (ViewStatus)9 },
        { "no status", "unknown-status", row => row.Status = ViewStatus.Unspecified },
        { "row id 0", "bad-value", row => row.Id = 0 },
        { "row id below 0", "bad-value", row => row.Id = -4 },
        { "source epoch below 0", "bad-value", row => row.SourceEpoch = -1 },
        { "content id 0", "bad-value", row => row.ContentId = 0 },
        { "creator id below 0", "bad-value", row => row.CreatorId = -1 },
        { "seconds below 0", "bad-value", row => row.WatchSeconds = -1 },
        { "more seconds than a week has", "bad-value", row => row.WatchSeconds = Limits.WatchSecondsMax + 1 },
        { "a time before 1970", "bad-value", row => row.UpdatedAt = -1 },
        { "a time after 9999", "bad-value", row => row.UpdatedAt = long.MaxValue },
        { "no date", "bad-log-date", row => row.LogDate = 0 },
        { "the 30th of February", "bad-log-date", row => row.LogDate = 2026_02_30 },
        { "the day after tomorrow", "future-log-date", row => row.LogDate = Rows.Day.AddDays(2).Number },
        { "no such content", "unknown-content", row => row.CreatorId = 0 },
        { "several faults: the first of the order", "bad-value", row => (row.WatchSeconds, row.LogDate, row.CreatorId) = (-1, 0, 0) },
    };

    [Theory]
    [MemberData(nameof(BadViews))]
    public void A_bad_view_is_poison_with_its_reason(string what, string reason, Action<ViewLog> spoil)
    {
        var row = Rows.View(id: 77);
        spoil(row);
        var poison = Rows.Judged(row).Poison;
        Assert.True(poison is not null, what);
        Assert.Equal(reason, poison.Reason.Name());
        Assert.Equal((row.Id, row.SourceEpoch), (poison.RowId, poison.SourceEpoch));
        Assert.Equal(BusinessDay.TryFromNumber(row.LogDate, out var day) ? day : null, poison.Day);
    }

    [Theory]
    [InlineData(0, Limits.WatchSecondsMax)]
    [InlineData(0, 0)]
    [InlineData(1, 60)]
    public void The_edge_of_what_is_allowed_is_allowed(int daysAhead, int seconds)
    {
        var row = Rows.View(id: long.MaxValue);
        (row.LogDate, row.WatchSeconds) = (Rows.Day.AddDays(daysAhead).Number, seconds);
        Assert.True(Rows.Judged(row).IsFact);
    }

    [Fact]
    public void An_ad_view_without_advertisement_is_poison()
    {
        var row = Rows.Ad();
        row.AdvertisementId = 0;
        Assert.Equal(PoisonReason.BadValue, Rows.Judged(row).Poison?.Reason);
    }

    [Fact]
    public void A_row_in_the_topic_of_the_other_stream_is_poison()
    {
        Assert.Equal(PoisonReason.WrongStream, Rows.Judged(new SourceRecord { AdView = Rows.Ad() }, SourceStream.ViewLogs, 7).Poison?.Reason);
        Assert.Equal(PoisonReason.WrongStream, Rows.Judged(new SourceRecord { ViewLog = Rows.View() }, SourceStream.AdViews, 7).Poison?.Reason);
        var marker = Rows.Marker();
        marker.Stream = "ad-views";
        Assert.Equal(PoisonReason.WrongStream, Rows.Judged(marker).Poison?.Reason);
    }

    [Fact]
    public void What_strangers_write_does_not_reach_the_detail()
    {
        var marker = Rows.Marker();
        marker.Stream = "a\0b";
        Assert.DoesNotContain('\0', Rows.Judged(marker).Poison!.Detail);
    }

    [Fact]
    public void A_key_of_another_partition_is_poison()
    {
        var belongs = Partitioner.PartitionOf(new ContentId(7), Rows.Partitions);
        var elsewhere = new LogPartition(SourceStream.ViewLogs, (belongs + 1) % Rows.Partitions);
        var verdict = Judge.Of(elsewhere, Rows.Partitions, Rows.Raw("7"u8.ToArray(), Bytes(Rows.View(content: 7))), Rows.LatestDay, Rows.Topics);
        Assert.Equal(PoisonReason.WrongPartition, verdict.Poison?.Reason);
    }

    [Theory]
    [InlineData("8")]
    [InlineData("07")]
    [InlineData("seven")]
    [InlineData("")]
    public void A_key_that_is_not_the_content_id_is_poison(string key)
    {
        var bytes = Encoding.ASCII.GetBytes(key);
        var at = new LogPartition(SourceStream.ViewLogs, Partitioner.PartitionOf(bytes, Rows.Partitions));
        Assert.Equal(PoisonReason.KeyMismatch, Judge.Of(at, Rows.Partitions, Rows.Raw(bytes, Bytes(Rows.View(content: 7))), Rows.LatestDay, Rows.Topics).Poison?.Reason);
    }

    [Fact]
    public void A_row_without_key_is_poison() => Assert.Equal(
        PoisonReason.KeyMismatch, Judge.Of(First, Rows.Partitions, Rows.Raw(null, Bytes(Rows.View())), Rows.LatestDay, Rows.Topics).Poison?.Reason);

    public static TheoryData<string, byte[]?> Undecodable => new()
    {
        { "no value", null },
        { "nothing in it", [] },
        { "text", "hello"u8.ToArray() },
        { "cut off", Bytes(Rows.View())[..^3] },
        { "a kind from the future", [0x7a, 0x01, 0x00] },
        { "larger than any record", new byte[Limits.RecordValueBytesMax + 1] },
    };

    [Theory]
    [MemberData(nameof(Undecodable))]
    public void What_cannot_be_read_is_poison(string what, byte[]? value)
    {
        var poison = Judge.Of(First, Rows.Partitions, Rows.Raw("7"u8.ToArray(), value), Rows.LatestDay, Rows.Topics).Poison;
        Assert.True(poison is { Reason: PoisonReason.Undecodable, RowId: null, Day: null }, what);
    }

    public static TheoryData<string, Action<DayMarker>> BadMarkers => new()
    {
        { "no date", marker => marker.LogDate = 13 },
        { "attempt 0", marker => marker.Attempt = 0 },
        { "rows below 0", marker => marker.Rows = -1 },
        { "a cutoff that is no time", marker => marker.Cutoff = long.MaxValue },
        { "a horizon that is no time", marker => marker.Horizon = -1 },
    };

    [Theory]
    [MemberData(nameof(BadMarkers))]
    public void A_bad_marker_is_poison(string what, Action<DayMarker> spoil)
    {
        var marker = Rows.Marker();
        spoil(marker);
        Assert.True(Rows.Judged(marker).Poison?.Reason == PoisonReason.BadMarker, what);
    }

    [Fact]
    public void A_marker_may_hold_the_absurd_seconds_of_rows_that_are_poison_themselves()
    {
        var marker = Rows.Marker();
        marker.WatchSeconds = -1;
        Assert.Equal(-1, Rows.Judged(marker).Marker!.Totals.WatchSeconds);
    }

    [Fact]
    public void Every_reason_has_a_name_of_its_own() =>
        Assert.Equal(Enum.GetValues<PoisonReason>().Length, Enum.GetValues<PoisonReason>().Select(reason => reason.Name()).Distinct().Count());

    private static byte[] Bytes(ViewLog row) => new SourceRecord { ViewLog = row }.ToByteArray();
}
