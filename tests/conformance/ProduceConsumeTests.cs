using System.Text;
using StreamSettlement.ConformanceTests.Clients;
using StreamSettlement.Contracts;

namespace StreamSettlement.ConformanceTests;

/// <summary>Records go in by one client and come out by another as they were.</summary>
public sealed class ProduceConsumeTests(Cluster cluster)
{
    private static readonly Dictionary<string, string> NoHeaders = [];

    [Theory]
    [InlineData(ClientName.Confluent, ClientName.Confluent)]
    [InlineData(ClientName.Confluent, ClientName.Kcat)]
    [InlineData(ClientName.Confluent, ClientName.Python)]
    [InlineData(ClientName.Confluent, ClientName.KafkaJs)]
    [InlineData(ClientName.Kcat, ClientName.Confluent)]
    [InlineData(ClientName.Kcat, ClientName.Kcat)]
    [InlineData(ClientName.Kcat, ClientName.Python)]
    [InlineData(ClientName.Kcat, ClientName.KafkaJs)]
    [InlineData(ClientName.Python, ClientName.Confluent)]
    [InlineData(ClientName.Python, ClientName.Kcat)]
    [InlineData(ClientName.Python, ClientName.Python)]
    [InlineData(ClientName.Python, ClientName.KafkaJs)]
    [InlineData(ClientName.KafkaJs, ClientName.Confluent)]
    [InlineData(ClientName.KafkaJs, ClientName.Kcat)]
    [InlineData(ClientName.KafkaJs, ClientName.Python)]
    [InlineData(ClientName.KafkaJs, ClientName.KafkaJs)]
    public async Task What_one_client_produces_another_consumes_in_order(string producer, string consumer)
    {
        var topic = await cluster.NewTopic(partitions: 2);
        var headers = new Dictionary<string, string> { ["origin"] = "test", ["n"] = "ü" };
        // With and without key; without value; more than ASCII; larger than one read of a socket.
        NewRecord[] records =
        [
            .. Enumerable.Range(0, 200).Select(i => new NewRecord(1, i % 3 == 0 ? null : $"key {i}", $"value {i}", headers)),
            new NewRecord(1, "deleted", null, headers), new NewRecord(1, "ключ", "값", headers), new NewRecord(1, "large", new string('x', 100_000), headers),
        ];

        await cluster.Client(producer).Produce(topic, records);

        var read = await cluster.Client(consumer).Read(topic, 1);
        Assert.Equal(records.Select(record => (record.Key, record.Value)), read.Select(record => (record.Key, record.Value)));
        Assert.Equal(Enumerable.Range(0, records.Length).Select(i => (1, (long)i)), read.Select(record => (record.Partition, record.Offset)));
        Assert.All(read, record => Assert.Equal(headers, record.Headers));
        Assert.Empty(await cluster.Client(consumer).Read(topic, 0));
    }

    [Theory]
    [InlineData(ClientName.Confluent, "gzip")]
    [InlineData(ClientName.Confluent, "snappy")]
    [InlineData(ClientName.Confluent, "lz4")]
    [InlineData(ClientName.Confluent, "zstd")]
    [InlineData(ClientName.Kcat, "gzip")]
    [InlineData(ClientName.Kcat, "snappy")]
    [InlineData(ClientName.Kcat, "lz4")]
    [InlineData(ClientName.Kcat, "zstd")]
    [InlineData(ClientName.Python, "gzip")]
    [InlineData(ClientName.KafkaJs, "gzip")]
    public async Task Compressed_records_come_out_as_they_were(string client, string compression)
    {
        var topic = await cluster.NewTopic();
        NewRecord[] records = [.. Enumerable.Range(0, 500).Select(i => new NewRecord(0, $"key {i}", $"value {i}", NoHeaders))];

        await cluster.Client(client).Produce(topic, records, compression);

        var read = await cluster.Client(client).Read(topic, 0);
        Assert.Equal(records.Select(record => (record.Key, record.Value)), read.Select(record => (record.Key, record.Value)));
    }

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Kcat)]
    [InlineData(ClientName.KafkaJs)]
    public async Task An_idempotent_producer_writes_each_record_once_in_order(string client)
    {
        var topic = await cluster.NewTopic();
        NewRecord[] records = [.. Enumerable.Range(0, 2_000).Select(i => new NewRecord(0, "k", $"{i}", NoHeaders))];

        await cluster.Client(client).Produce(topic, records, idempotent: true);

        Assert.Equal(records.Select(record => record.Value), (await cluster.Client(client).Read(topic, 0)).Select(record => record.Value));
    }

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Kcat)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task A_key_goes_to_the_partition_of_its_murmur2_hash(string client)
    {
        const int Partitions = 3;
        var topic = await cluster.NewTopic(Partitions);

        await cluster.Client(client).Produce(topic, [.. Enumerable.Range(1, 50).Select(i => new NewRecord(null, $"{i}", "v", NoHeaders))]);

        var read = (await Task.WhenAll(Enumerable.Range(0, Partitions).Select(partition => cluster.Confluent.Read(topic, partition)))).SelectMany(records => records).ToList();
        Assert.Equal(50, read.Count);
        Assert.All(read, record => Assert.Equal(Partitioner.PartitionOf(Encoding.UTF8.GetBytes(record.Key!), Partitions), record.Partition));
    }

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task Timestamps_are_the_producers(string client)
    {
        var topic = await cluster.NewTopic();

        await cluster.Client(client).Produce(topic, [.. Enumerable.Range(0, 3).Select(i => new NewRecord(0, "k", "v", NoHeaders, 1_700_000_000_000 + i))]);

        Assert.Equal([1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_002], (await cluster.Client(client).Read(topic, 0)).Select(record => record.Timestamp));
    }

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Kcat)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task A_record_over_the_topics_limit_is_refused(string client)
    {
        var topic = await cluster.NewTopic(settings: new Dictionary<string, string> { ["max.message.bytes"] = "1000" });

        await Refusal.Is(Refusal.MessageTooLarge, () => cluster.Client(client).Produce(topic, [new NewRecord(0, "k", new string('x', 2_000), NoHeaders)]));

        await cluster.Client(client).Produce(topic, [new NewRecord(0, "k", "small", NoHeaders)]);
        Assert.Equal("small", Assert.Single(await cluster.Client(client).Read(topic, 0)).Value);
    }

    [Theory]
    [InlineData(ClientName.Confluent, Refusal.InvalidRecord)]
    [InlineData(ClientName.Python, Refusal.NotKnownToTheClient)]
    [InlineData(ClientName.KafkaJs, Refusal.InvalidRecord)]
    public async Task A_compacted_topic_takes_no_record_without_a_key(string client, int told)
    {
        var topic = await cluster.NewTopic(settings: new Dictionary<string, string> { ["cleanup.policy"] = "compact" });

        await Refusal.Is(told, () => cluster.Client(client).Produce(topic, [new NewRecord(0, null, "v", NoHeaders)]));
    }

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Kcat)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task Offsets_are_told_by_beginning_end_and_time(string client)
    {
        var topic = await cluster.NewTopic();
        await cluster.Confluent.Produce(
            topic, [.. Enumerable.Range(0, 100).Select(i => new NewRecord(0, "k", "v", NoHeaders, 1_700_000_000_000 + 1_000 * i))], "gzip", idempotent: true);
        await cluster.Confluent.DeleteRecords(topic, 0, 10);
        var asking = cluster.Client(client);

        Assert.Equal(new OffsetRange(10, 100), await asking.Offsets(topic, 0));
        Assert.Equal(42, await asking.OffsetAt(topic, 0, 1_700_000_000_000 + 41_500));
        Assert.Equal(42, await asking.OffsetAt(topic, 0, 1_700_000_000_000 + 42_000));
        // Records deleted from the log's beginning are not found.
        Assert.Equal(10, await asking.OffsetAt(topic, 0, 1_700_000_000_000));
        Assert.Equal(100, await asking.OffsetAt(topic, 0, 1_700_000_000_000 + 99_001));
        Assert.Equal(90, (await asking.Read(topic, 0)).Count);
    }
}
