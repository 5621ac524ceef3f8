using System.Text;
using StreamSettlement.DevBroker.Storage;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.UnitTests.Broker;

public sealed class RecordBatchTests
{
    private const int SizeMax = 1000;

    /// <summary>The check value of RFC 3720 and a few others.</summary>
    [Theory]
    [InlineData("", 0x00000000u)]
    [InlineData("123456789", 0xE3069283u)]
    [InlineData("The quick brown fox jumps over the lazy dog", 0x22620404u)]
    public void The_checksum_is_CRC_32C(string text, uint expected) =>
        Assert.Equal(expected, Crc32C.Compute(Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void A_good_batch_is_taken_with_its_header()
    {
        var bytes = Batches.Of([100, 300, 200], producer: 7, epoch: 1, sequence: 40);

        Assert.Equal(ErrorCode.None, RecordBatch.Validate(bytes, SizeMax, out var batch, out var reason));
        Assert.Null(reason);
        Assert.Equal((3, 2, 100L, 300L), (batch.Count, batch.LastOffsetDelta, batch.BaseTimestamp, batch.MaxTimestamp));
        Assert.Equal((7L, (short)1, 40, 42), (batch.ProducerId, batch.ProducerEpoch, batch.BaseSequence, batch.LastSequence));
    }

    /// <summary>One byte of a good batch changed; signed again where the change is to be reached behind the checksum.</summary>
    [Theory]
    [InlineData("magic 1", 16, 1, false, ErrorCode.UnsupportedVersion)]
    [InlineData("length of another batch", 11, 200, false, ErrorCode.InvalidRecord)]
    [InlineData("damaged value", 65, 0x55, false, ErrorCode.CorruptMessage)]
    [InlineData("damaged header", 30, 0x55, false, ErrorCode.CorruptMessage)]
    [InlineData("offsets and count differ", 26, 5, true, ErrorCode.InvalidRecord)]
    [InlineData("compression 5", 22, 5, true, ErrorCode.UnsupportedCompressionType)]
    [InlineData("transactional", 22, 0x10, true, ErrorCode.InvalidRecord)]
    [InlineData("control", 22, 0x20, true, ErrorCode.InvalidRecord)]
    public void A_bad_batch_is_refused(string why, int at, int value, bool sign, object expected)
    {
        var bytes = Batches.OfCount(3);
        bytes[at] = (byte)value;
        if (sign) Batches.Sign(bytes);

        var error = RecordBatch.Validate(bytes, SizeMax, out _, out var reason);

        Assert.Equal((why, expected), (why, error));
        Assert.NotNull(reason);
    }

    [Fact]
    public void Less_than_a_header_is_no_batch() =>
        Assert.Equal(ErrorCode.CorruptMessage, RecordBatch.Validate(new byte[60], SizeMax, out _, out _));

    [Fact]
    public void Two_batches_for_one_partition_are_refused() =>
        Assert.Equal(
            ErrorCode.InvalidRecord,
            RecordBatch.Validate([.. Batches.OfCount(1), .. Batches.OfCount(1)], SizeMax, out _, out _));

    [Fact]
    public void A_batch_over_the_limit_is_refused() =>
        Assert.Equal(ErrorCode.MessageTooLarge, RecordBatch.Validate(Batches.OfCount(200), SizeMax, out _, out _));

    [Fact]
    public void A_producer_without_sequence_is_refused() =>
        Assert.Equal(
            ErrorCode.InvalidRecord,
            RecordBatch.Validate(Batches.OfCount(1, producer: 7, epoch: 0, sequence: -1), SizeMax, out _, out _));

    [Fact]
    public void Setting_the_offset_does_not_touch_the_checksum()
    {
        var bytes = Batches.OfCount(3);
        RecordBatch.Place(bytes, 123_456_789_012);

        Assert.True(RecordBatch.IsIntact(bytes));
        Assert.Equal(123_456_789_014, RecordBatch.Parse(bytes).LastOffset);
    }
}
