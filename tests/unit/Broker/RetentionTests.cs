using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using StreamSettlement.DevBroker;
using StreamSettlement.DevBroker.Storage;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.UnitTests.Broker;

/// <summary>LogRetention and PartitionLog.DeleteRecords: what goes from a log's beginning.</summary>
public sealed class RetentionTests : IDisposable
{
    private const int BatchBytes = 61 + 8;

    private readonly TemporaryDirectory _directory = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeMilliseconds(Batches.Noon));

    /// <summary>Two batches fill a segment.</summary>
    private readonly LogLimits _limits = new(SegmentBytesMax: 2 * BatchBytes, BatchBytesMax: 5_000);

    public void Dispose() => _directory.Dispose();

    /// <summary>Ten batches of one record, a second apart, in five segments, the last second being now.</summary>
    [Theory]
    [InlineData(-1, 0)]
    [InlineData(20_000, 0)]
    [InlineData(8_000, 0)]
    [InlineData(7_999, 2)]
    [InlineData(4_000, 4)]
    [InlineData(1_000, 8)]
    public void Segments_go_when_their_newest_record_is_too_old(long retentionMs, long start)
    {
        using var log = Filled(_limits with { RetentionMs = retentionMs });

        log.Housekeep();

        Assert.Equal((start, 10), (log.StartOffset, log.EndOffset));
        Assert.Equal(10 - start, LogContent.BaseOffsets(log).Count);
        Assert.Equal(ErrorCode.OffsetOutOfRange, log.Read(start - 1, 1, firstAlways: true).Error);
        Assert.Equal((10 - start) / 2, Directory.GetFiles(_directory.Path, "*.log").Length);
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(10 * BatchBytes, 0)]
    [InlineData(10 * BatchBytes - 1, 0)]
    [InlineData(8 * BatchBytes, 2)]
    [InlineData(5 * BatchBytes, 4)]
    [InlineData(0, 8)]
    public void Segments_go_as_long_as_the_limit_of_bytes_is_left(long retentionBytes, long start)
    {
        using var log = Filled(_limits with { RetentionBytes = retentionBytes });

        log.Housekeep();

        Assert.Equal((start, 10), (log.StartOffset, log.EndOffset));
    }

    [Fact]
    public void When_all_records_are_too_old_an_empty_log_goes_on_at_its_end()
    {
        using (var log = Filled(_limits with { RetentionMs = 1_000 }))
        {
            _time.Advance(TimeSpan.FromMinutes(1));
            log.Housekeep();
            Assert.Equal((10, 10), (log.StartOffset, log.EndOffset));
        }

        using var reopened = Open(_limits);
        Assert.Equal((10, 10), (reopened.StartOffset, reopened.EndOffset));
        Assert.Equal(10, reopened.Append(Batches.OfCount(1)).BaseOffset);
    }

    [Fact]
    public void A_segment_ends_when_its_first_record_is_old_enough()
    {
        using var log = Filled(_limits with { SegmentMsMax = 500 });

        // Records of long ago, written now: their segment has just begun.
        log.Housekeep();
        Assert.Equal(5, Directory.GetFiles(_directory.Path, "*.log").Length);
        _time.Advance(TimeSpan.FromMilliseconds(501));
        log.Housekeep();

        Assert.Equal(6, Directory.GetFiles(_directory.Path, "*.log").Length);
        Assert.Equal(10, LogContent.BaseOffsets(log).Count);
    }

    [Fact]
    public void What_was_compacted_to_nothing_holds_up_nothing()
    {
        using var log = Open(_limits with { SegmentBytesMax = 1, IsCompacted = true, RetentionMs = 1_000 });
        for (var i = 0; i < 3; i++) log.Append(Batches.Keyed(Batches.Noon, ("a", "v")));
        log.Append(Batches.Keyed(Batches.Noon + 60_000, ("b", "v")));
        log.Append(Batches.Keyed(Batches.Noon + 60_000, ("b", "v")));

        log.Housekeep();
        Assert.Equal((0, "2 a, 3 b, 4 b"), (log.StartOffset, string.Join(", ", LogContent.Keys(log))));
        _time.Advance(TimeSpan.FromMinutes(1));
        log.Housekeep();

        Assert.Equal((3, "3 b, 4 b"), (log.StartOffset, string.Join(", ", LogContent.Keys(log))));
    }

    [Theory]
    [InlineData(0, 0, 5)]
    [InlineData(3, 3, 4)]
    [InlineData(4, 4, 3)]
    [InlineData(10, 10, 1)]
    [InlineData(-1, 10, 1)]
    public void Records_are_deleted_below_an_offset_and_stay_deleted(long before, long start, int segments)
    {
        using (var log = Filled(_limits))
        {
            Assert.Equal(ErrorCode.None, log.DeleteRecords(before));
            Assert.Equal((start, segments), (log.StartOffset, Directory.GetFiles(_directory.Path, "*.log").Length));
        }

        using var reopened = Open(_limits);
        Assert.Equal((start, 10), (reopened.StartOffset, reopened.EndOffset));
        Assert.Equal([.. Enumerable.Range((int)start, 10 - (int)start)], LogContent.BaseOffsets(reopened));
        // What is deleted is not found by its time either.
        Assert.Equal(start == 10 ? -1 : start, reopened.FindTime(0).Offset);
        Assert.Equal(10, reopened.Append(Batches.OfCount(1)).BaseOffset);
    }

    [Fact]
    public void Deleting_is_refused_past_the_end_and_where_records_are_only_compacted()
    {
        using var log = Filled(_limits);

        Assert.Equal(ErrorCode.OffsetOutOfRange, log.DeleteRecords(11));
        Assert.Equal(ErrorCode.OffsetOutOfRange, log.DeleteRecords(-2));
        Assert.Equal(ErrorCode.None, log.DeleteRecords(6));
        // Below the beginning there is nothing left to delete.
        Assert.Equal(ErrorCode.None, log.DeleteRecords(2));
        Assert.Equal(6, log.StartOffset);
        log.Limits = log.Limits with { IsDeleted = false };
        Assert.Equal(ErrorCode.PolicyViolation, log.DeleteRecords(8));
        log.Close();
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, log.DeleteRecords(8));
    }

    [Theory]
    [InlineData(0, 1, 300)]
    [InlineData(1, 1, 300)]
    [InlineData(2, 3, 250)]
    [InlineData(3, 3, 250)]
    [InlineData(4, 5, 200)]
    [InlineData(6, -1, -1)]
    public void The_highest_time_is_that_of_a_record_that_is_left(long before, long offset, long timestamp)
    {
        using var log = Open(_limits with { SegmentBytesMax = 5_000 });
        foreach (var times in new long[][] { [100, 300, 150], [250, 120], [200] }) log.Append(Batches.Of(times));

        log.DeleteRecords(before);

        Assert.Equal(new TimePosition(offset, timestamp), log.FindMaxTime());
    }

    [Fact]
    public void A_start_within_a_batch_is_read_from_that_batch()
    {
        using var log = Open(_limits);
        log.Append(Batches.OfCount(10));

        Assert.Equal(ErrorCode.None, log.DeleteRecords(5));

        Assert.Equal(0, RecordBatch.Parse(LogContent.Bytes(log.Read(5, 1, firstAlways: true))).BaseOffset);
        Assert.Equal(5, log.FindTime(Batches.Noon).Offset);
    }

    [Fact]
    public async Task Who_reads_from_a_deleted_segment_is_served_for_a_while()
    {
        using var log = Filled(_limits);
        var slice = log.Read(0, 1, firstAlways: true).Slice;

        log.DeleteRecords(10);

        Assert.Equal(BatchBytes, LogContent.Bytes(new ReadResult(ErrorCode.None, slice)).Length);
        _time.Advance(TimeSpan.FromSeconds(10));
        await Task.Yield();
        Assert.True(slice.File!.IsClosed);
    }

    private PartitionLog Filled(LogLimits limits)
    {
        var log = Open(limits);
        for (var i = 0; i < 10; i++) log.Append(Batches.Of([Batches.Noon - 9_000 + 1_000 * i]));
        return log;
    }

    private PartitionLog Open(LogLimits limits) =>
        new(_directory.Path, limits, _time, new BrokerTelemetry(NullLogger.Instance));
}
