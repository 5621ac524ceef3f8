using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using StreamSettlement.DevBroker;
using StreamSettlement.DevBroker.Storage;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.UnitTests.Broker;

/// <summary>LogCompaction: the newest value of each key stays, at its offset.</summary>
public sealed class CompactionTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeMilliseconds(Batches.Noon));

    /// <summary>Each batch is a segment.</summary>
    private readonly LogLimits _limits = new(SegmentBytesMax: 1, BatchBytesMax: 5_000) { IsCompacted = true, IsDeleted = false, TombstoneMs = 60_000 };

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_newest_record_of_each_key_stays_at_its_offset_and_the_open_segment_is_left_alone()
    {
        using (var log = Filled(_limits, ["a", "b"], ["a", "c"], ["b"], ["a", "a"], ["c"], ["a"]))
        {
            log.Housekeep();
            Assert.Equal(["4 b", "6 a", "7 c", "8 a"], LogContent.Keys(log));
            Assert.Equal((0, 9), (log.StartOffset, log.EndOffset));
            Assert.Equal(9, log.Append(Batches.Keyed(Batches.Noon, ("d", "1"))).BaseOffset);
        }

        using var reopened = Open(_limits);
        Assert.Equal(["4 b", "6 a", "7 c", "8 a", "9 d"], LogContent.Keys(reopened));
        Assert.Equal((0, 10), (reopened.StartOffset, reopened.EndOffset));
        reopened.Housekeep();
        Assert.Equal(["4 b", "7 c", "8 a", "9 d"], LogContent.Keys(reopened));
    }

    [Fact]
    public void Every_offset_is_answered_with_what_comes_next()
    {
        using var log = Filled(_limits, ["a"], ["a"], ["b"], ["a"], ["a"], ["c"]);

        log.Housekeep();

        Assert.Equal(
            [2, 2, 2, 4, 4, 5],
            Enumerable.Range(0, 6).Select(offset => (int)RecordBatch.Parse(LogContent.Bytes(log.Read(offset, 1, firstAlways: true))).LastOffset));
    }

    [Fact]
    public void A_tombstone_deletes_its_key_and_goes_itself_after_its_time()
    {
        using var log = Open(_limits);
        log.Append(Batches.Keyed(Batches.Noon, ("a", "1"), ("b", "1")));
        log.Append(Batches.Keyed(Batches.Noon, ("a", null)));
        log.Append(Batches.Keyed(Batches.Noon, ("c", "1")));

        log.Housekeep();
        Assert.Equal(["1 b", "2 a", "3 c"], LogContent.Keys(log));

        _time.Advance(TimeSpan.FromSeconds(61));
        log.Append(Batches.Keyed(Batches.Noon, ("d", "1")));
        log.Housekeep();
        Assert.Equal(["1 b", "3 c", "4 d"], LogContent.Keys(log));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(3)]
    public void A_batch_that_can_not_be_looked_into_stays_whole_and_so_does_each_tombstone(short compression)
    {
        using var log = Open(_limits);
        log.Append(Batches.Keyed(Batches.Noon, ("a", "1")));
        log.Append(Batches.Of([Batches.Noon, Batches.Noon], attributes: compression, payload: [1, 2, 3]));
        log.Append(Batches.Keyed(Batches.Noon, ("a", null)));
        log.Append(Batches.Keyed(Batches.Noon, ("c", "1")));
        _time.Advance(TimeSpan.FromHours(1));

        log.Housekeep();

        Assert.Equal(["1 ?", "3 a", "4 c"], LogContent.Keys(log));
    }

    /// <summary>Zipped, the batch is smaller whole than with one record less, which is stored as it is.</summary>
    [Fact]
    public void A_batch_that_would_grow_stays_whole_and_so_do_the_tombstones_of_what_it_still_holds()
    {
        using var log = Open(_limits);
        var zipped = Batches.Zipped(Batches.Noon, ("a", "1"), ("b", new string('x', 4_000)));
        log.Append([.. zipped]);
        log.Append(Batches.Keyed(Batches.Noon, ("c", "1")));
        log.Append(Batches.Keyed(Batches.Noon, ("a", null), ("c", null)));
        log.Append(Batches.Keyed(Batches.Noon, ("d", "1")));
        _time.Advance(TimeSpan.FromHours(1));

        log.Housekeep();

        Assert.Equal(["0 a", "1 b", "3 a", "5 d"], LogContent.Keys(log));
        Assert.Equal(zipped, LogContent.Batches(log)[0].Bytes);
    }

    [Fact]
    public void A_record_without_a_key_is_refused_and_one_from_before_stays()
    {
        using var log = Filled(_limits with { IsCompacted = false }, ["a"]);
        log.Append(Batches.OfCount(1));
        log.Limits = _limits;

        Assert.Equal(ErrorCode.InvalidRecord, log.Append(Batches.OfCount(1)).Error);
        log.Append(Batches.Keyed(Batches.Noon, ("a", "2")));
        log.Append(Batches.Keyed(Batches.Noon, ("a", "3")));
        log.Housekeep();

        Assert.Equal(["1 -", "2 a", "3 a"], LogContent.Keys(log));
    }

    [Fact]
    public void Compaction_waits_until_it_is_worth_it_and_leaves_young_records_alone()
    {
        using var log = Filled(_limits with { DirtyRatioMin = 0.5, CompactionLagMs = 30_000 }, ["a"], ["a"], ["b"], ["c"]);

        log.Housekeep();
        Assert.Equal(4, LogContent.Keys(log).Count);
        _time.Advance(TimeSpan.FromSeconds(31));
        log.Housekeep();
        Assert.Equal(["1 a", "2 b", "3 c"], LogContent.Keys(log));

        // One of four closed segments is new: less than half.
        log.Append(Batches.Keyed(Batches.Noon, ("a", "2")));
        log.Append(Batches.Keyed(Batches.Noon, ("e", "1")));
        log.Limits = log.Limits with { DirtyRatioMin = 0.9 };
        log.Housekeep();
        Assert.Equal(["1 a", "2 b", "3 c", "4 a", "5 e"], LogContent.Keys(log));
    }

    [Fact]
    public void The_last_record_stays_when_the_open_segment_is_empty()
    {
        using var log = Filled(_limits with { SegmentMsMax = 1_000, TombstoneMs = 0 }, ["a"]);
        log.Append(Batches.Keyed(Batches.Noon, ("a", null)));
        _time.Advance(TimeSpan.FromHours(1));

        log.Housekeep();

        Assert.Equal(["1 a"], LogContent.Keys(log));
    }

    [Fact]
    public void A_producer_that_sends_a_batch_again_after_compaction_gets_its_original_offset()
    {
        using (var log = Open(_limits))
        {
            for (var i = 0; i < 4; i++) log.Append(Sent(i));
            log.Housekeep();
        }

        using var reopened = Open(_limits);
        Assert.Equal((4, 2), (reopened.Append(Sent(2)).BaseOffset, LogContent.Batches(reopened).Count));
        Assert.Equal(8, reopened.Append(Sent(4)).BaseOffset);

        static byte[] Sent(int number)
        {
            var batch = Batches.Keyed(Batches.Noon, ("a", "1"), ("a", "2"));
            System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(batch.AsSpan(43), 7);
            System.Buffers.Binary.BinaryPrimitives.WriteInt16BigEndian(batch.AsSpan(51), 0);
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(53), 2 * number);
            return Batches.Sign(batch);
        }
    }

    /// <summary>The steps of putting a compacted segment in its place: after each a crash may come.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_crash_while_a_segment_is_replaced_leaves_the_old_one_or_the_new(int steps)
    {
        using var compacted = new TemporaryDirectory();
        using (var log = Filled(_limits, ["a", "b"], ["a"], ["c"])) { }
        foreach (var file in Directory.GetFiles(_directory.Path)) File.Copy(file, Path.Combine(compacted.Path, Path.GetFileName(file)));
        using (var log = Open(_limits, compacted.Path)) log.Housekeep();
        var drafts = Directory.CreateDirectory(Path.Combine(_directory.Path, "compacting")).FullName;
        foreach (var file in Directory.GetFiles(compacted.Path, $"{0:D20}.*")) File.Copy(file, Path.Combine(drafts, Path.GetFileName(file)));
        if (steps > 0) File.Delete(Path.Combine(_directory.Path, $"{0:D20}.timeindex"));
        foreach (var extension in new[] { "log", "index", "timeindex" }.Take(steps - 1))
            File.Move(Path.Combine(drafts, $"{0:D20}.{extension}"), Path.Combine(_directory.Path, $"{0:D20}.{extension}"), overwrite: true);

        using var recovered = Open(_limits);

        Assert.Equal(steps < 2 ? ["0 a", "1 b", "2 a", "3 c"] : ["1 b", "2 a", "3 c"], LogContent.Keys(recovered));
        Assert.False(Directory.Exists(drafts));
        recovered.Housekeep();
        Assert.Equal(["1 b", "2 a", "3 c"], LogContent.Keys(recovered));
    }

    [Fact]
    public async Task Readers_appends_and_compaction_at_once_lose_nothing()
    {
        const int Rounds = 300;
        using var log = Filled(_limits with { SegmentBytesMax = 500 }, ["a"]);
        using var stop = new CancellationTokenSource();
        var reading = Task.Run(() =>
        {
            var seen = 0;
            while (!stop.IsCancellationRequested) seen += LogContent.Keys(log).Count;
            return seen;
        }, TestContext.Current.CancellationToken);
        var cleaning = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested) log.Housekeep();
        }, TestContext.Current.CancellationToken);

        for (var i = 0; i < Rounds; i++) log.Append(Batches.Keyed(Batches.Noon, ($"{i % 7}", $"{i}")));
        await stop.CancelAsync();
        await Task.WhenAll(reading, cleaning);
        log.Housekeep();

        Assert.Equal(Rounds + 1, log.EndOffset);
        var keys = LogContent.Keys(log);
        // The newest of each of the seven keys, and that of the first record.
        for (var i = Rounds - 7; i < Rounds; i++) Assert.Contains($"{i + 1} {i % 7}", keys);
        Assert.Contains("0 a", keys);
    }

    private PartitionLog Filled(LogLimits limits, params string[][] batches)
    {
        var log = Open(limits);
        foreach (var keys in batches) Assert.Null(log.Append(Batches.Keyed(Batches.Noon, [.. keys.Select(key => (key, (string?)"v"))])).Reason);
        return log;
    }

    private PartitionLog Open(LogLimits limits, string? directory = null) =>
        new(directory ?? _directory.Path, limits, _time, new BrokerTelemetry(NullLogger.Instance));
}
