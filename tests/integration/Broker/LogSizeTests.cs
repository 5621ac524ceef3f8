using System.Globalization;
using Confluent.Kafka;

namespace StreamSettlement.IntegrationTests.Broker;

public sealed class LogSizeTests(Servers servers) : BrokerTest(servers)
{
    /// <summary>Peak resident memory after writing and reading 25 MB, then 250 MB: less than a tenth of that may be added.</summary>
    [Fact]
    public async Task Memory_does_not_grow_with_the_log()
    {
        await CreateTopic("t", 1);
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = Broker.Bootstrap, LingerMs = 5 }).Build();
        using var consumer = new ConsumerBuilder<Ignore, byte[]>(new ConsumerConfig { BootstrapServers = Broker.Bootstrap, GroupId = "g" }).Build();
        consumer.Assign(new TopicPartitionOffset("t", 0, Offset.Beginning));
        var value = new byte[50_000];

        void WriteAndRead(int records)
        {
            for (var i = 0; i < records; i++)
            {
                producer.Produce("t", new Message<Null, byte[]> { Value = value });
                if (i % 100 == 99) producer.Flush(Token);
            }
            producer.Flush(Token);
            for (var i = 0; i < records; i++) Assert.Equal(value.Length, consumer.Consume(Token).Message.Value.Length);
        }

        WriteAndRead(500);
        var before = await PeakMemoryKb();
        WriteAndRead(5_000);

        Assert.InRange(await PeakMemoryKb() - before, 0, 25_000);
    }

    private async Task<int> PeakMemoryKb()
    {
        var status = await File.ReadAllLinesAsync($"/proc/{Broker.Process.Id}/status", Token);
        return int.Parse(status.Single(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))[6..^2], NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture);
    }
}
