using System.IO.Compression;
using K4os.Compression.LZ4.Streams;
using Microsoft.Extensions.Logging.Abstractions;
using StreamSettlement.DevBroker;
using StreamSettlement.DevBroker.Storage;

namespace StreamSettlement.UnitTests.Broker;

/// <summary>Offsets by time: PartitionLog.FindTime, RecordSet.</summary>
public sealed class RecordTimesTests : IDisposable
{
    private static readonly long[][] Written = [[100, 110, 120], [90, 95, 130], [140, 150, 150], [145, 160, 155]];

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>The first record, in offset order, at or after a time: the answer of Apache Kafka.</summary>
    [Theory]
    [InlineData(0, 0, 100)]
    [InlineData(100, 0, 100)]
    [InlineData(101, 1, 110)]
    [InlineData(120, 2, 120)]
    [InlineData(121, 5, 130)]
    [InlineData(131, 6, 140)]
    [InlineData(150, 7, 150)]
    [InlineData(151, 10, 160)]
    [InlineData(161, -1, -1)]
    public void A_time_is_found_in_plain_and_compressed_batches_and_over_segments(long time, long offset, long timestamp)
    {
        foreach (var compression in new short[] { 0, 1, 3 })
            foreach (var segmentBytes in new[] { 1, 1 << 20 })
            {
                using var log = Filled(compression, segmentBytes);
                Assert.Equal(new TimePosition(offset, timestamp), log.FindTime(time));
            }
    }

    [Fact]
    public void The_highest_time_is_found()
    {
        using var log = Filled(compression: 0, segmentBytes: 1);

        Assert.Equal(new TimePosition(10, 160), log.FindMaxTime());
    }

    [Fact]
    public void A_batch_that_can_not_be_looked_into_is_found_by_its_start()
    {
        using var log = Filled(compression: 4, segmentBytes: 1 << 20);

        Assert.Equal(new TimePosition(0, 100), log.FindTime(110));
    }

    [Fact]
    public void An_empty_log_has_no_times()
    {
        using var log = Open(Path.Combine(_directory.Path, "empty"), 1 << 20);

        Assert.Equal(new TimePosition(-1, -1), log.FindTime(0));
        Assert.Equal(new TimePosition(-1, -1), log.FindMaxTime());
    }

    [Fact]
    public void Lz4_copies_that_overlap_themselves_are_decoded()
    {
        // Token 0x3F: 3 literals, a copy of 4 + 15 + 255 + 15 = 289 bytes from 3 before; then 8 literals.
        byte[] block = [0x3F, (byte)'a', (byte)'b', (byte)'c', 3, 0, 255, 15, 0x80, .. "bcabcabc"u8];
        byte[] frame = [0x04, 0x22, 0x4D, 0x18, 0x60, 0x40, 0x82, (byte)block.Length, 0, 0, 0, .. block, 0, 0, 0, 0];

        var decoded = Unpack(frame);

        Assert.NotNull(decoded);
        Assert.Equal(string.Concat(Enumerable.Repeat("abc", 100)), System.Text.Encoding.ASCII.GetString(decoded));
    }

    [Fact]
    public void A_damaged_lz4_frame_is_refused_wherever_it_is_cut_or_changed()
    {
        var frame = Lz4(Batches.Records([1, 2, 3]));
        // Nothing at all is no frame, and no records either.
        Assert.Empty(Unpack([])!);
        for (var length = 1; length < frame.Length; length++) Assert.Null(Unpack(frame[..length]));
        for (var at = 0; at < frame.Length; at++)
            for (var bit = 0; bit < 8; bit++)
            {
                var changed = (byte[])frame.Clone();
                changed[at] ^= (byte)(1 << bit);
                Unpack(changed);
            }
        Assert.Null(Unpack(frame, bytesMax: 5));
    }

    private static byte[]? Unpack(byte[] frame, int bytesMax = 1_000) => RecordSet.Unpack(LZ4Stream.Decode(new MemoryStream(frame)), bytesMax);

    private PartitionLog Filled(short compression, int segmentBytes)
    {
        var log = Open(Path.Combine(_directory.Path, $"{compression}-{segmentBytes}"), segmentBytes);
        foreach (var times in Written)
        {
            var records = Batches.Records(times);
            var payload = compression switch { 1 => Zip(records), 3 => Lz4(records), _ => records };
            Assert.Null(log.Append(Batches.Of(times, attributes: compression, payload: payload)).Reason);
        }
        return log;
    }

    private static PartitionLog Open(string directory, int segmentBytes) => new(
        directory, new LogLimits(segmentBytes, 5_000), TimeProvider.System, new BrokerTelemetry(NullLogger.Instance));

    private static byte[] Zip(byte[] content)
    {
        using var target = new MemoryStream();
        using (var zip = new GZipStream(target, CompressionLevel.Optimal)) zip.Write(content);
        return target.ToArray();
    }

    /// <summary>A frame with one block of literals.</summary>
    private static byte[] Lz4(byte[] content)
    {
        byte[] block = content.Length < 15
            ? [(byte)(content.Length << 4), .. content]
            : [0xF0, (byte)(content.Length - 15), .. content];
        return [0x04, 0x22, 0x4D, 0x18, 0x60, 0x40, 0x82, (byte)block.Length, 0, 0, 0, .. block, 0, 0, 0, 0];
    }
}
