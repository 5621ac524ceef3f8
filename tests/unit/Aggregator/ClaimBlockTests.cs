using FsCheck;
using FsCheck.Fluent;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;

namespace StreamSettlement.UnitTests.Aggregator;

public sealed class ClaimBlockTests
{
    [Fact]
    public void An_id_is_claimed_once()
    {
        var block = new ClaimBlock();
        Assert.True(block.Add(42));
        Assert.False(block.Add(42));
        Assert.True(block.Contains(42));
        Assert.False(block.Contains(43));
        Assert.Equal(1, block.Count);
    }

    [Fact]
    public void The_list_becomes_a_bitmap_with_the_4096th_id()
    {
        var block = new ClaimBlock();
        for (var i = 0; i < Limits.ClaimListIdsMax - 1; i++) Assert.True(block.Add((ushort)(i * 16)));
        Assert.False(block.IsBitmap);
        Assert.Equal((Limits.ClaimListIdsMax - 1) * 2, block.ToBytes().Length);
        Assert.False(block.Add(16));
        Assert.False(block.IsBitmap);
        Assert.True(block.Add(ushort.MaxValue));
        Assert.True(block.IsBitmap);
        Assert.Equal(Limits.ClaimListIdsMax, block.Count);
        Assert.Equal(Limits.ClaimBitmapBytes, block.ToBytes().Length);
        for (var i = 0; i < Limits.ClaimListIdsMax - 1; i++) Assert.False(block.Add((ushort)(i * 16)));
        Assert.False(block.Add(ushort.MaxValue));
    }

    [Fact]
    public void A_full_block_holds_every_id()
    {
        var block = new ClaimBlock();
        for (var i = 0; i < Limits.ClaimBlockIds; i++) Assert.True(block.Add((ushort)i));
        Assert.Equal(Limits.ClaimBlockIds, block.Count);
        Assert.All(block.ToBytes(), cell => Assert.Equal(0xff, cell));
    }

    [Fact]
    public void A_bitmap_is_laid_out_as_get_bit_of_PostgreSQL_reads_it()
    {
        var block = new ClaimBlock();
        for (var i = 0; i < Limits.ClaimListIdsMax; i++) block.Add((ushort)(10 + i));
        var bytes = block.ToBytes();
        Assert.Equal((0, 0b1111_1100), (bytes[0], bytes[1]));
    }

    [Fact]
    public void Any_ids_in_any_order_and_number_are_each_counted_once()
    {
        // Few distinct values beside many: both forms, and many duplicates.
        var ids = Gen.OneOf(Gen.Choose(0, 100), Gen.Choose(0, ushort.MaxValue)).Select(id => (ushort)id);
        var sequences = Gen.OneOf(Gen.Choose(0, 50), Gen.Choose(4_000, 9_000)).SelectMany(length => ids.ArrayOf(length));
        Prop.ForAll(sequences.ToArbitrary(), sequence =>
        {
            var (block, expected) = (new ClaimBlock(), new HashSet<ushort>());
            foreach (var id in sequence)
            {
                // Written and read back now and then, as between chunks.
                if (id % 97 == 0) block = ClaimBlock.FromBytes(block.ToBytes());
                Assert.Equal(expected.Add(id), block.Add(id));
            }
            Assert.Equal(expected.Count, block.Count);
            Assert.Equal(expected.Count >= Limits.ClaimListIdsMax, block.IsBitmap);
            Assert.All(expected, id => Assert.True(block.Contains(id)));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void What_was_written_is_read_back_the_same()
    {
        var sets = Gen.Choose(0, ushort.MaxValue).Select(id => (ushort)id).ArrayOf();
        Prop.ForAll(sets.ToArbitrary(), ids =>
        {
            var block = new ClaimBlock();
            foreach (var id in ids) block.Add(id);
            var again = ClaimBlock.FromBytes(block.ToBytes());
            Assert.Equal(block.ToBytes(), again.ToBytes());
            Assert.Equal(block.Count, again.Count);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Bytes_that_are_no_block_are_refused()
    {
        Assert.Throws<FormatException>(() => ClaimBlock.FromBytes(new byte[3]));
        Assert.Throws<FormatException>(() => ClaimBlock.FromBytes(new byte[Limits.ClaimBitmapBytes + 2]));
        Assert.Throws<FormatException>(() => ClaimBlock.FromBytes([5, 0, 5, 0]));
    }
}
