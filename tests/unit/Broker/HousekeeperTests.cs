using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using StreamSettlement.DevBroker;
using StreamSettlement.DevBroker.Groups;
using StreamSettlement.DevBroker.Topics;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.UnitTests.Broker;

public sealed class HousekeeperTests
{
    [Fact]
    public void Whatever_fails_in_one_partition_the_others_and_the_next_round_go_on()
    {
        using var directory = new TemporaryDirectory();
        var time = new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(Batches.Noon));
        var telemetry = new BrokerTelemetry(NullLogger.Instance);
        using var offsets = new OffsetStore(directory.Path, telemetry);
        using var topics = new TopicCatalogue(directory.Path, offsets, time, telemetry);
        Assert.Equal(ErrorCode.None, topics.Create("t", 2, new Dictionary<string, string?> { ["retention.ms"] = "1000" }).Error);
        for (var partition = 0; partition < 2; partition++) topics.Partition("t", partition)!.Append(Batches.OfCount(1));
        // Where the index of the next segment belongs: its refusal is no IOException.
        var obstacle = Directory.CreateDirectory(Path.Combine(directory.Path, "logs", "t-0", $"{1:D20}.index"));
        using var housekeeper = new Housekeeper(topics, time, telemetry);

        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal((0, 1), (topics.Partition("t", 0)!.StartOffset, topics.Partition("t", 1)!.StartOffset));

        obstacle.Delete();
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(1, topics.Partition("t", 0)!.StartOffset);
    }
}
