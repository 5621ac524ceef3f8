using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using StreamSettlement.DevBroker;
using StreamSettlement.DevBroker.Storage;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.UnitTests.Broker;

/// <summary>PartitionLog, Segment, SparseIndex and LogRecovery.</summary>
public sealed class PartitionLogTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly LogLimits _limits = new(SegmentBytesMax: 10_000, BatchBytesMax: 5_000);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Records_get_consecutive_offsets_and_are_read_back_as_they_came()
    {
        using var log = Open();
        var first = Batches.OfCount(3);
        var second = Batches.OfCount(2);

        Assert.Equal(0, log.Append(first).BaseOffset);
        Assert.Equal(3, log.Append(second).BaseOffset);

        Assert.Equal((0L, 5L), (log.StartOffset, log.EndOffset));
        Assert.Equal([.. first, .. second], LogContent.Bytes(log.Read(0, 100_000, firstAlways: true)));
        // An offset within a batch is answered with that batch.
        Assert.Equal(second, LogContent.Bytes(log.Read(4, 100_000, firstAlways: true)));
        Assert.Empty(LogContent.Bytes(log.Read(5, 100_000, firstAlways: true)));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(4)]
    public void An_offset_outside_the_log_is_refused(long offset)
    {
        using var log = Open();
        log.Append(Batches.OfCount(3));

        Assert.Equal(ErrorCode.OffsetOutOfRange, log.Read(offset, 1000, firstAlways: true).Error);
    }

    [Fact]
    public void A_read_ends_with_a_whole_batch_and_gives_a_large_first_one_only_when_asked()
    {
        using var log = Open();
        var batch = Batches.OfCount(100);
        for (var i = 0; i < 10; i++) log.Append([.. batch]);

        Assert.Equal(batch.Length, log.Read(0, 1, firstAlways: true).Slice.Length);
        Assert.Equal(0, log.Read(0, 1, firstAlways: false).Slice.Length);
        var some = log.Read(0, 7 * batch.Length + 5, firstAlways: true).Slice.Length;
        Assert.InRange(some, batch.Length, 7 * batch.Length);
        Assert.Equal(0, some % batch.Length);
    }

    [Fact]
    public void The_log_goes_on_over_many_segments_and_restarts()
    {
        for (var round = 0; round < 4; round++)
        {
            using var log = Open();
            Assert.Equal(round * 5_000, log.EndOffset);
            for (var i = 0; i < 50; i++) log.Append(Batches.OfCount(100));
        }

        using var reopened = Open();
        Assert.True(Directory.GetFiles(_directory.Path, "*.log").Length > 10);
        Assert.Equal([.. Enumerable.Range(0, 200).Select(i => 100L * i)], LogContent.BaseOffsets(reopened));
        for (long offset = 0; offset < 20_000; offset += 37)
            Assert.Equal(offset / 100 * 100, RecordBatch.Parse(LogContent.Bytes(reopened.Read(offset, 1, firstAlways: true))).BaseOffset);
    }

    [Fact]
    public void A_torn_tail_is_cut_off_wherever_the_write_stopped()
    {
        var batch = Batches.OfCount(3);
        for (var written = 0; written < batch.Length; written++)
        {
            using var directory = new TemporaryDirectory();
            using (var log = Open(directory.Path))
                for (var i = 0; i < 3; i++)
                    log.Append([.. batch]);
            var file = Directory.GetFiles(directory.Path, "*.log").Single();
            using (var tail = File.OpenWrite(file)) tail.SetLength(2 * batch.Length + written);

            using var recovered = Open(directory.Path);
            Assert.Equal(6, recovered.EndOffset);
            Assert.Equal(2 * batch.Length, new FileInfo(file).Length);
            Assert.Equal(6, recovered.Append([.. batch]).BaseOffset);
            Assert.Equal([0, 3, 6], LogContent.BaseOffsets(recovered));
        }
    }

    [Fact]
    public void A_damaged_batch_ends_the_log()
    {
        var batch = Batches.OfCount(3);
        using (var log = Open())
            for (var i = 0; i < 3; i++)
                log.Append([.. batch]);
        var file = Directory.GetFiles(_directory.Path, "*.log").Single();
        var content = File.ReadAllBytes(file);
        content[2 * batch.Length + 70] ^= 1;
        File.WriteAllBytes(file, content);

        using var recovered = Open();
        Assert.Equal(6, recovered.EndOffset);
    }

    [Fact]
    public void A_sealed_segment_whose_indexes_are_lost_is_read_through()
    {
        using (var log = Open())
            for (var i = 0; i < 100; i++)
                log.Append(Batches.OfCount(100));
        foreach (var index in Directory.GetFiles(_directory.Path, "*index")) File.Delete(index);

        using var recovered = Open();
        Assert.Equal(10_000, recovered.EndOffset);
        Assert.Equal(100, LogContent.BaseOffsets(recovered).Count);
    }

    [Fact]
    public void Damage_within_sealed_segments_is_not_passed_over()
    {
        using (var log = Open())
            for (var i = 0; i < 100; i++)
                log.Append(Batches.OfCount(100));
        var first = Directory.GetFiles(_directory.Path, "*.log").Order().First();
        using (var file = File.OpenWrite(first)) file.SetLength(file.Length - 1);

        for (var start = 0; start < 2; start++)
        {
            var refusal = Assert.Throws<IOException>(() => Open());
            Assert.Contains(first, refusal.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_segment_that_can_not_be_begun_leaves_nothing_that_hides_later_records()
    {
        using (var log = Open())
        {
            // Two more would be too much for a segment.
            while (log.EndOffset < 1_000) log.Append(Batches.OfCount(100));
            var index = Path.Combine(_directory.Path, $"{log.EndOffset:D20}.index");
            Directory.CreateDirectory(index);
            Assert.ThrowsAny<Exception>(() => log.Append(Batches.OfCount(400)));
            Directory.Delete(index);
            Assert.Equal(1_000, log.Append(Batches.OfCount(1)).BaseOffset);
        }

        using var reopened = Open();
        Assert.Equal(1_001, reopened.EndOffset);
        Assert.Equal(1_000, LogContent.BaseOffsets(reopened)[^1]);
    }

    [Fact]
    public void A_batch_sent_again_gets_its_original_offset_also_after_restarts_and_new_segments()
    {
        var sequence = 0;
        using (var log = Open())
            for (; sequence < 5_000; sequence += 100)
                Assert.Equal(sequence, log.Append(Batches.OfCount(100, 7, 0, sequence)).BaseOffset);

        using var reopened = Open();
        Assert.Equal(4_900, reopened.Append(Batches.OfCount(100, 7, 0, 4_900)).BaseOffset);
        Assert.Equal(4_500, reopened.Append(Batches.OfCount(100, 7, 0, 4_500)).BaseOffset);
        Assert.Equal(5_000, reopened.EndOffset);
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, reopened.Append(Batches.OfCount(1, 7, 0, 5_001)).Error);
        Assert.Equal(5_000, reopened.Append(Batches.OfCount(1, 7, 0, 5_000)).BaseOffset);
    }

    [Fact]
    public async Task An_append_wakes_who_waits()
    {
        using var log = Open();
        var time = new FakeTimeProvider();
        var waiter = new FetchWaiter();
        var woken = waiter.Wait(TimeSpan.FromHours(1), time, TestContext.Current.CancellationToken);
        log.AddWaiter(waiter);

        log.Append(Batches.OfCount(1));

        Assert.True(await woken);
    }

    [Fact]
    public async Task A_wait_ends_when_its_time_is_up()
    {
        var time = new FakeTimeProvider();
        var woken = new FetchWaiter().Wait(TimeSpan.FromSeconds(1), time, TestContext.Current.CancellationToken);

        time.Advance(TimeSpan.FromSeconds(1));

        Assert.False(await woken);
    }

    private PartitionLog Open(string? directory = null) =>
        new(directory ?? _directory.Path, _limits, TimeProvider.System, new BrokerTelemetry(NullLogger.Instance));
}
