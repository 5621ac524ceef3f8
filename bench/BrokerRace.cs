using BenchmarkDotNet.Attributes;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Bench;

/// <summary>One idempotent producer with lz4 and one consumer against the development broker, over the real client.</summary>
public class BrokerRace : Race
{
    private const int RecordBytes = 40;

    private DevBrokerServer _broker = null!;
    private int _topics;

    [Params(1_000_000)]
    public int Records { get; set; } = 1_000_000;

    protected override async Task PrepareAsync()
    {
        Directory.Delete(DevBrokerServer.DataDirectory(State), recursive: true); // of an earlier run
        _broker = Keep(await DevBrokerServer.StartAsync(State, TimeProvider.System, default));
        await NewTopicAsync();
        Produce();
    }

    [IterationSetup(Target = nameof(Produce))]
    public void NextTopic() => NewTopicAsync().GetAwaiter().GetResult();

    /// <returns>Records that the broker has, by its own word: a report for each would cost the client more than sending it.</returns>
    [Benchmark]
    public long Produce()
    {
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig
        {
            BootstrapServers = _broker.Bootstrap,
            EnableIdempotence = true,
            CompressionType = CompressionType.Lz4,
            LingerMs = 5,
            QueueBufferingMaxMessages = Records,
            EnableDeliveryReports = false,
        }).Build();
        var message = new Message<byte[], byte[]> { Value = new byte[RecordBytes] };
        for (var sent = 0; sent < Records; sent++)
        {
            BitConverter.TryWriteBytes(message.Value, sent);
            producer.Produce(Topic, message);
        }
        producer.Flush();
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = _broker.Bootstrap, GroupId = "race" }).Build();
        var stored = consumer.QueryWatermarkOffsets(new TopicPartition(Topic, 0), TimeSpan.FromSeconds(10)).High.Value;
        return stored == Records ? stored : throw new InvalidOperationException($"{Records} records were sent, {stored} are there");
    }

    [Benchmark]
    public int Consume()
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig
        {
            BootstrapServers = _broker.Bootstrap,
            GroupId = "race",
            EnableAutoCommit = false,
            ConsumeResultFields = "none",
            // A client that has this much waiting asks again only after a second: its own pause would be measured.
            QueuedMinMessages = Records,
        }).Build();
        consumer.Assign(new TopicPartitionOffset(Topic, 0, Offset.Beginning));
        var read = 0;
        while (read < Records)
        {
            if (consumer.Consume(TimeSpan.FromSeconds(10)) is null) break;
            read++;
        }
        return read == Records ? read : throw new InvalidOperationException($"{read} of {Records} records could be read");
    }

    private string Topic => $"race-{_topics}";

    private async Task NewTopicAsync()
    {
        _topics++;
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _broker.Bootstrap }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = Topic, NumPartitions = 1, ReplicationFactor = 1 }]);
    }
}
