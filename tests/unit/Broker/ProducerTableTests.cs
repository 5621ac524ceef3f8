using StreamSettlement.DevBroker.Storage;

namespace StreamSettlement.UnitTests.Broker;

public sealed class ProducerTableTests
{
    private readonly ProducerTable _table = new();

    /// <summary>After batches of 10 records with sequences 0, 10, … 60 at offsets 1000, 1010, … 1060.</summary>
    [Theory]
    [InlineData("the next", 0, 70, 10, SequenceVerdict.Next, -1)]
    [InlineData("the last again", 0, 60, 10, SequenceVerdict.Duplicate, 1060)]
    [InlineData("the fifth last again", 0, 20, 10, SequenceVerdict.Duplicate, 1020)]
    [InlineData("older than remembered", 0, 10, 10, SequenceVerdict.OutOfOrder, -1)]
    [InlineData("a gap", 0, 80, 10, SequenceVerdict.OutOfOrder, -1)]
    [InlineData("another batch at a known sequence", 0, 60, 9, SequenceVerdict.OutOfOrder, -1)]
    [InlineData("a new epoch from 0", 1, 0, 10, SequenceVerdict.Next, -1)]
    [InlineData("a new epoch, not from 0", 1, 70, 10, SequenceVerdict.OutOfOrder, -1)]
    public void A_sequence_is_judged(string what, short epoch, int sequence, int count, object verdict, long original)
    {
        for (var i = 0; i < 7; i++) Record(epoch: 0, sequence: 10 * i, count: 10, offset: 1000 + 10 * i);

        Assert.Equal(
            (what, verdict, original),
            (what, _table.Check(Batch(epoch, sequence, count, offset: 0), out var found), found));
    }

    [Fact]
    public void An_older_epoch_is_refused()
    {
        Record(epoch: 3, sequence: 0, count: 1, offset: 0);

        Assert.Equal(SequenceVerdict.OldEpoch, _table.Check(Batch(2, 1, 1, 0), out _));
    }

    [Fact]
    public void Sequences_go_on_at_zero_after_the_largest_int()
    {
        Record(epoch: 0, sequence: int.MaxValue - 4, count: 10, offset: 0);

        Assert.Equal(SequenceVerdict.Next, _table.Check(Batch(0, 5, 1, 0), out _));
        Assert.Equal(SequenceVerdict.Duplicate, _table.Check(Batch(0, int.MaxValue - 4, 10, 0), out _));
    }

    [Fact]
    public void An_unknown_producer_may_begin_anywhere() =>
        Assert.Equal(SequenceVerdict.Next, _table.Check(Batch(0, 5, 1, 0), out _));

    [Fact]
    public void The_table_survives_being_written_and_read()
    {
        using var directory = new TemporaryDirectory();
        for (var i = 0; i < 7; i++) Record(epoch: 2, sequence: 10 * i, count: 10, offset: 10 * i);
        var path = Path.Combine(directory.Path, "table");
        _table.Save(path);

        var read = ProducerTable.Load(path);

        Assert.Equal(SequenceVerdict.Duplicate, read.Check(Batch(2, 20, 10, 0), out var original));
        Assert.Equal(20, original);
        Assert.Equal(SequenceVerdict.OutOfOrder, read.Check(Batch(2, 10, 10, 0), out _));
        Assert.Equal(SequenceVerdict.Next, read.Check(Batch(2, 70, 1, 0), out _));
    }

    [Fact]
    public void A_silent_producer_is_forgotten()
    {
        Record(epoch: 0, sequence: 0, count: 1, offset: 0, now: 100);
        _table.Expire(since: 100);
        Assert.Equal(1, _table.Count);

        _table.Expire(since: 101);
        Assert.Equal(0, _table.Count);
    }

    private void Record(short epoch, int sequence, int count, long offset, long now = 0) =>
        _table.Record(Batch(epoch, sequence, count, offset), now);

    private static RecordBatch Batch(short epoch, int sequence, int count, long offset) =>
        RecordBatch.Parse(Batches.OfCount(count, producer: 9, epoch, sequence)) with { BaseOffset = offset };
}
