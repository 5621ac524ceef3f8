using BenchmarkDotNet.Attributes;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Bench;

/// <summary>One idempotent producer with lz4 and one consumer against the development broker, over the real client.</summary>
public class BrokerRace : Race
{
    private const int RecordBytes = 40;

    private BrokerProcess _broker = null!;
    private int _topics;

    [Params(1_000_000)]
    public int Records { get; set; } = 1_000_000;

    protected override async Task PrepareAsync()
    {
        Directory.Delete(State.DataDirectory(BrokerProcess.Name), recursive: true); // of an earlier run
        _broker = Keep(await BrokerProcess.StartAsync(State, TimeProvider.System, default));
        await NewTopicAsync();
        Produce();
    }

    [IterationSetup(Target = nameof(Produce))]
    public void NextTopic() => NewTopicAsync().GetAwaiter().GetResult();

    [Benchmark]
    public int Produce()
    {
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig
        {
            BootstrapServers = _broker.Bootstrap,
            EnableIdempotence = true,
            CompressionType = CompressionType.Lz4,
            LingerMs = 5,
            QueueBufferingMaxMessages = 1_000_000,
            DeliveryReportFields = "none",
        }).Build();
        var (sent, refused) = (0, 0);
        var value = new byte[RecordBytes];
        for (; sent < Records; sent++)
        {
            BitConverter.TryWriteBytes(value, sent);
            while (true)
            {
                try
                {
                    producer.Produce(Topic, new Message<byte[], byte[]> { Value = value }, report => refused += report.Error.IsError ? 1 : 0);
                    break;
                }
                catch (ProduceException<byte[], byte[]> full) when (full.Error.Code == ErrorCode.Local_QueueFull)
                {
                    producer.Poll(TimeSpan.FromMilliseconds(10));
                }
            }
        }
        producer.Flush();
        return sent - refused;
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
        }).Build();
        consumer.Assign(new TopicPartitionOffset(Topic, 0, Offset.Beginning));
        var read = 0;
        while (read < Records)
        {
            if (consumer.Consume(TimeSpan.FromSeconds(10)) is null) break;
            read++;
        }
        return read;
    }

    private string Topic => $"race-{_topics}";

    private async Task NewTopicAsync()
    {
        _topics++;
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _broker.Bootstrap }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = Topic, NumPartitions = 1, ReplicationFactor = 1 }]);
    }
}
