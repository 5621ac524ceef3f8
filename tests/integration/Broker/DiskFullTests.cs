using Confluent.Kafka;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>A disk that takes no more, played by a limit on the size of the broker's files.</summary>
public sealed class DiskFullTests(Servers servers) : BrokerTest(servers)
{
    [Fact]
    public async Task Records_are_refused_what_is_stored_stays_and_writing_goes_on_when_there_is_space()
    {
        await CreateTopic("t", 1, new() { ["segment.bytes"] = "60000", ["retention.ms"] = "-1" });
        using var producer = Producer(config => (config.EnableIdempotence, config.MessageSendMaxRetries) = (false, 0));
        var acknowledged = new List<string>();
        long length = 0;

        await LimitFiles("40000");
        var refused = await Assert.ThrowsAsync<ProduceException<string?, string>>(async () =>
        {
            for (var i = 0; ; i++) await Produce($"{i} {new string('x', 1_000)}");
        });
        Assert.Equal(ErrorCode.KafkaStorageError, refused.Error.Code);
        Assert.NotEmpty(acknowledged);
        // What of it was written is given back.
        Assert.Equal(length, LogLength());
        Assert.Equal(acknowledged, ReadAll("t").Select(record => record.Message.Value));
        // What still fits is taken.
        await Produce("short");

        await LimitFiles("unlimited");
        // Too large for this segment: the next begins.
        await Produce(new string('y', 25_000));
        Assert.Equal(acknowledged, ReadAll("t").Select(record => record.Message.Value));
        await Restart(kill: true);
        Assert.Equal(acknowledged, ReadAll("t").Select(record => record.Message.Value));

        async Task Produce(string value)
        {
            await producer.ProduceAsync("t", new() { Value = value }, Token);
            acknowledged.Add(value);
            length = LogLength();
        }

        long LogLength() => new DirectoryInfo(Path.Combine(DevBrokerServer.DataDirectory(State), "logs", "t-0")).GetFiles("*.log").Sum(file => file.Length);
    }

    [Fact]
    public async Task Commits_and_topics_are_refused_and_taken_when_there_is_space()
    {
        await CreateTopic("t", 1);
        using var consumer = Consumer("g");
        using var admin = Admin();

        await LimitFiles("0");
        var refused = Assert.Throws<KafkaException>(() => consumer.Commit([new TopicPartitionOffset("t", 0, 5)]));
        var notMade = await Assert.ThrowsAsync<Confluent.Kafka.Admin.CreateTopicsException>(() => CreateTopic("u", 1));
        Assert.Equal((ErrorCode.GroupCoordinatorNotAvailable, ErrorCode.KafkaStorageError), (refused.Error.Code, notMade.Results[0].Error.Code));

        await LimitFiles("unlimited");
        consumer.Commit([new TopicPartitionOffset("t", 0, 5)]);
        await CreateTopic("u", 1);
        await Restart(kill: true);
        using var again = Consumer("g");
        Assert.Equal(5, again.Committed([new TopicPartition("t", 0)], TimeSpan.FromSeconds(10)).Single().Offset.Value);
        Assert.Equal(["t", "u"], admin.GetMetadata(TimeSpan.FromSeconds(10)).Topics.Select(topic => topic.Topic).Order());
    }

    private Task<string> LimitFiles(string bytes) => Shell.RunAsync(["prlimit", "--pid", $"{Broker.Process.Id}", $"--fsize={bytes}:"], Token);
}
