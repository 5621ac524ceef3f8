using FsCheck;
using FsCheck.Fluent;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.UnitTests.Broker;

/// <summary>RequestReader and ResponseWriter.</summary>
public sealed class WireTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Whatever_is_written_is_read_back(bool flexible)
    {
        var text = ArbMap.Default.ArbFor<string?>().Filter(value => value is null || !value.Any(char.IsSurrogate));
        Prop.ForAll(text, ArbMap.Default.ArbFor<byte[]>(), ArbMap.Default.ArbFor<(long, int, short, sbyte)>(), (name, bytes, numbers) =>
        {
            using var writer = new ResponseWriter { Flexible = flexible };
            writer.String(name);
            writer.Bytes(bytes);
            writer.Int64(numbers.Item1);
            writer.Int32(numbers.Item2);
            writer.Int16(numbers.Item3);
            writer.Int8(numbers.Item4);
            writer.UnsignedVarInt(unchecked((uint)numbers.Item2));
            writer.Bool(numbers.Item2 > 0);
            writer.Array(0);
            writer.NullArray();
            writer.Tags();

            var reader = new RequestReader(writer.Written.Span, flexible);
            Assert.Equal(name, reader.NullableString());
            Assert.Equal(bytes, reader.Bytes());
            Assert.Equal(numbers, (reader.Int64(), reader.Int32(), reader.Int16(), reader.Int8()));
            Assert.Equal(unchecked((uint)numbers.Item2), reader.UnsignedVarInt());
            Assert.Equal(numbers.Item2 > 0, reader.Bool());
            Assert.Equal(0, reader.ArrayLength());
            Assert.Equal(-1, reader.ArrayLength());
            reader.Tags();
            Assert.Equal(0, reader.Remaining);
        }).QuickCheckThrowOnFailure();
    }

    /// <summary>One field from version 2 on, one up to version 3.</summary>
    [Theory]
    [InlineData(1, "00000002")]
    [InlineData(2, "0000000100000002")]
    [InlineData(3, "0000000100000002")]
    [InlineData(4, "00000001")]
    public void A_field_is_in_its_versions_only(short version, string written)
    {
        using var writer = new ResponseWriter();
        writer.Begin(version, flexible: false);

        writer.Int32(1, since: 2).Int32(2, until: 3).List([1], one => writer.Int32(one), since: 5);

        Assert.Equal(written, Convert.ToHexString(writer.Written.Span));
        Assert.Equal(version < 2 ? 7 : 1, new RequestReader([0, 0, 0, 1], flexible: false, version).Int32(since: 2, otherwise: 7));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Arrays_of_structures_end_each_with_tags_and_arrays_of_values_do_not(bool flexible)
    {
        using var writer = new ResponseWriter { Flexible = flexible };
        writer.List(["a", "b"], name => writer.String(name)).Array(2).Int32(3).Int32(4).NullArray();

        var reader = new RequestReader(writer.Written.Span, flexible);
        Assert.Equal(["a", "b"], reader.List((ref each) => each.String()));
        Assert.Equal([3, 4], reader.Values((ref each) => each.Int32()));
        Assert.Null(reader.NullableList((ref each) => each.Int32()));
        Assert.Equal(0, reader.Remaining);
    }

    [Fact]
    public void A_uuid_keeps_the_byte_order_of_the_protocol()
    {
        var id = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff");
        using var writer = new ResponseWriter();
        writer.Uuid(id);

        Assert.Equal("00112233445566778899AABBCCDDEEFF", Convert.ToHexString(writer.Written.Span));
        Assert.Equal(id, new RequestReader(writer.Written.Span, flexible: false).Uuid());
    }

    [Fact]
    public void Tagged_fields_are_skipped()
    {
        // Two of them: tag 0 with one byte, tag 200 with three; then an int16.
        var reader = new RequestReader([2, 0, 1, 9, 0xC8, 0x01, 3, 7, 7, 7, 0x12, 0x34], flexible: true);
        reader.Tags();

        Assert.Equal(0x1234, reader.Int16());
    }

    /// <summary>Bytes that end early, claim too much or are no text.</summary>
    [Theory]
    [InlineData("string ends early", false, "0005616263")]
    [InlineData("string of negative length", false, "FFF0616263")]
    [InlineData("string is not UTF-8", false, "0002C328")]
    [InlineData("compact string ends early", true, "0661626364")]
    [InlineData("varint has more than 32 bits", true, "FFFFFFFF7F")]
    [InlineData("varint has no end", true, "FFFFFFFFFFFF")]
    public void A_malformed_string_is_refused(string why, bool flexible, string hex) =>
        Assert.Throws<MalformedRequestException>(() =>
        {
            var read = new RequestReader(Convert.FromHexString(hex), flexible).NullableString();
            Assert.Fail($"{why}: read '{read}'");
        });

    [Theory]
    [InlineData(false, "7FFFFFFF00")]
    [InlineData(false, "FFFFFFFE00")]
    [InlineData(true, "FFFFFFFF07")]
    [InlineData(true, "FFFFFFFF0F")]
    public void An_array_that_can_not_fit_is_refused_before_memory_is_taken(bool flexible, string hex) =>
        Assert.Throws<MalformedRequestException>(() => new RequestReader(Convert.FromHexString(hex), flexible).ArrayLength());

    [Fact]
    public void A_tagged_field_longer_than_the_request_is_refused() =>
        Assert.Throws<MalformedRequestException>(() => new RequestReader([1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], flexible: true).Tags());

    [Fact]
    public void A_buffer_grows_and_keeps_what_was_written()
    {
        using var writer = new ResponseWriter();
        for (var i = 0; i < 10_000; i++) writer.Int32(i);

        var reader = new RequestReader(writer.Written.Span, flexible: false);
        for (var i = 0; i < 10_000; i++) Assert.Equal(i, reader.Int32());
    }
}
