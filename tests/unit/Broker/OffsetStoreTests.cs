using Microsoft.Extensions.Logging.Abstractions;
using StreamSettlement.DevBroker;
using StreamSettlement.DevBroker.Groups;
using StreamSettlement.DevBroker.Topics;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.UnitTests.Broker;

public sealed class OffsetStoreTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string FilePath => Path.Combine(_directory.Path, "offsets.log");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_newest_offset_of_a_partition_survives_a_restart()
    {
        using (var store = Open())
        {
            store.Commit([Offset("t", 0, 5), Offset("t", 1, 6)]);
            store.Commit([Offset("t", 0, 7)]);
        }

        using var reopened = Open();
        Assert.Equal(7, reopened.Find("g", "t", 0)!.Offset);
        Assert.Equal(6, reopened.Find("g", "t", 1)!.Offset);
        Assert.Null(reopened.Find("g", "t", 2));
        Assert.Equal(["g"], reopened.Groups());
        Assert.Equal(2, reopened.All("g").Count);
    }

    [Fact]
    public void A_torn_commit_is_cut_off_wherever_the_write_stopped()
    {
        using (var store = Open()) store.Commit([Offset("t", 0, 1)]);
        var whole = new FileInfo(FilePath).Length;
        using (var store = Open()) store.Commit([Offset("t", 0, 2)]);
        var both = File.ReadAllBytes(FilePath);
        for (var length = (int)whole; length < both.Length; length++)
        {
            File.WriteAllBytes(FilePath, both[..length]);

            using (var torn = Open())
            {
                Assert.Equal(1, torn.Find("g", "t", 0)!.Offset);
                torn.Commit([Offset("t", 0, 3)]);
            }
            using var after = Open();
            Assert.Equal(3, after.Find("g", "t", 0)!.Offset);
        }
    }

    [Fact]
    public void The_file_does_not_grow_with_the_number_of_commits()
    {
        using (var store = Open())
            for (var i = 0; i < 3_000; i++)
                store.Commit([.. Enumerable.Range(0, 24).Select(partition => Offset("t", partition, i))]);
        Assert.InRange(new FileInfo(FilePath).Length, 1, 6 << 20);

        using var reopened = Open();
        Assert.All(reopened.All("g"), offset => Assert.Equal(2_999, offset.Offset));
    }

    [Fact]
    public void A_topic_that_is_made_again_has_no_offsets_of_its_former_self()
    {
        using var store = Open();
        store.Commit([Offset("t", 0, 5), Offset("u", 0, 6)]);

        // The broker was killed between taking the topic away and forgetting what was committed for it.
        using var topics = new TopicCatalogue(_directory.Path, store, TimeProvider.System, new BrokerTelemetry(NullLogger.Instance));
        Assert.Equal(ErrorCode.None, topics.Create("t", 1, new Dictionary<string, string?>()).Error);

        Assert.Null(store.Find("g", "t", 0));
        Assert.Equal(6, store.Find("g", "u", 0)!.Offset);
    }

    private OffsetStore Open() => new(_directory.Path, new BrokerTelemetry(NullLogger.Instance));

    private static CommittedOffset Offset(string topic, int partition, long offset) => new("g", topic, partition, offset, 0, "");
}
