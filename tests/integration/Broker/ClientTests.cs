using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>Every request of the real client that the services use.</summary>
public sealed class ClientTests(Servers servers) : BrokerTest(servers)
{
    [Theory]
    [InlineData(Acks.None, false, CompressionType.None)]
    [InlineData(Acks.Leader, false, CompressionType.Gzip)]
    [InlineData(Acks.All, false, CompressionType.Snappy)]
    [InlineData(Acks.All, true, CompressionType.Lz4)]
    [InlineData(Acks.All, true, CompressionType.Zstd)]
    public async Task What_is_produced_is_consumed_in_order(Acks acks, bool idempotent, CompressionType compression)
    {
        await CreateTopic("t", 1);
        using var producer = Producer(config =>
        {
            config.Acks = acks;
            config.EnableIdempotence = idempotent;
            config.CompressionType = compression;
            config.LingerMs = 5;
        });
        for (var i = 0; i < 5_000; i++)
            producer.Produce("t", new Message<string?, string>
            {
                Key = i % 3 == 0 ? null : $"key {i}",
                Value = $"value {i}",
                Headers = [new Header("n", [(byte)(i % 256)])],
                Timestamp = new Timestamp(1_700_000_000_000 + i, TimestampType.CreateTime),
            });
        producer.Flush(Token);

        var read = ReadAll("t");

        Assert.Equal(5_000, read.Count);
        for (var i = 0; i < read.Count; i++)
        {
            Assert.Equal((i, i % 3 == 0 ? null : $"key {i}", $"value {i}"), ((int)read[i].Offset.Value, read[i].Message.Key, read[i].Message.Value));
            Assert.Equal((byte)(i % 256), read[i].Message.Headers[0].GetValueBytes()[0]);
            Assert.Equal(1_700_000_000_000 + i, read[i].Message.Timestamp.UnixTimestampMs);
        }
    }

    [Fact]
    public async Task Each_record_is_acknowledged_with_its_offset()
    {
        await CreateTopic("t", 2);
        using var producer = Producer();
        for (var i = 0; i < 10; i++)
        {
            var report = await producer.ProduceAsync(new TopicPartition("t", 1), new Message<string?, string> { Value = "v" }, Token);
            Assert.Equal((PersistenceStatus.Persisted, i), (report.Status, (int)report.Offset.Value));
        }
    }

    [Fact]
    public async Task A_record_over_the_topics_limit_is_refused()
    {
        await CreateTopic("t", 1, new() { ["max.message.bytes"] = "1000" });
        using var producer = Producer(config => config.EnableIdempotence = false);

        var refused = await Assert.ThrowsAsync<ProduceException<string?, string>>(
            () => producer.ProduceAsync("t", new Message<string?, string> { Value = new string('x', 2_000) }, Token));

        Assert.Equal(ErrorCode.MsgSizeTooLarge, refused.Error.Code);
    }

    [Fact]
    public async Task Topics_are_created_listed_and_refused()
    {
        await CreateTopic("plain", 3);
        using var admin = Admin();

        async Task<Error> Refusal(TopicSpecification topic) =>
            (await Assert.ThrowsAsync<CreateTopicsException>(() => admin.CreateTopicsAsync([topic]))).Results[0].Error;

        Assert.Equal(ErrorCode.TopicAlreadyExists, (await Refusal(new() { Name = "plain", NumPartitions = 1, ReplicationFactor = 1 })).Code);
        Assert.Equal(ErrorCode.InvalidReplicationFactor, (await Refusal(new() { Name = "a", NumPartitions = 1, ReplicationFactor = 3 })).Code);
        Assert.Equal(ErrorCode.TopicException, (await Refusal(new() { Name = "a/b", NumPartitions = 1, ReplicationFactor = 1 })).Code);
        var unknown = await Refusal(new() { Name = "a", NumPartitions = 1, ReplicationFactor = 1, Configs = new() { ["retention"] = "1" } });
        Assert.Equal((ErrorCode.InvalidConfig, "unknown topic setting 'retention'"), (unknown.Code, unknown.Reason));
        await admin.CreateTopicsAsync(
            [new() { Name = "only-checked", NumPartitions = 1, ReplicationFactor = 1 }], new() { ValidateOnly = true });

        var metadata = admin.GetMetadata(TimeSpan.FromSeconds(10));
        Assert.Equal(["plain"], metadata.Topics.Select(topic => topic.Topic));
        Assert.Equal([0, 1, 2], metadata.Topics[0].Partitions.Select(partition => partition.PartitionId).Order());
        Assert.Equal(Broker.Port, metadata.Brokers.Single().Port);
        Assert.Equal(
            ErrorCode.UnknownTopicOrPart, admin.GetMetadata("missing", TimeSpan.FromSeconds(10)).Topics.Single().Error.Code);
    }

    [Fact]
    public async Task Settings_of_a_topic_are_stored_and_described_over_a_restart()
    {
        await CreateTopic("t", 1, new() { ["cleanup.policy"] = "compact", ["retention.ms"] = "-1" });
        await Restart(kill: true);

        using var admin = Admin();
        var described = await admin.DescribeConfigsAsync([new() { Type = ResourceType.Topic, Name = "t" }]);

        var entries = described.Single().Entries;
        Assert.Equal(("compact", false), (entries["cleanup.policy"].Value, entries["cleanup.policy"].IsDefault));
        Assert.Equal(("-1", false), (entries["retention.ms"].Value, entries["retention.ms"].IsDefault));
        Assert.Equal(("-1", true), (entries["retention.bytes"].Value, entries["retention.bytes"].IsDefault));
        var missing = await Assert.ThrowsAsync<DescribeConfigsException>(
            () => admin.DescribeConfigsAsync([new() { Type = ResourceType.Topic, Name = "missing" }]));
        Assert.Equal(ErrorCode.UnknownTopicOrPart, missing.Results.Single().Error.Code);
    }

    [Fact]
    public async Task A_group_goes_on_where_it_committed_over_a_restart()
    {
        await CreateTopic("t", 1);
        using (var producer = Producer())
            for (var i = 0; i < 20; i++)
                await producer.ProduceAsync("t", new Message<string?, string> { Value = i.ToString(CultureInfo.InvariantCulture) }, Token);
        using (var consumer = Consumer("g"))
        {
            consumer.Subscribe("t");
            for (var i = 0; i < 7; i++) Assert.Equal(i, consumer.Consume(Token).Offset.Value);
            consumer.Commit([new TopicPartitionOffset("t", 0, 7)]);
            consumer.Close();
        }
        await Restart(kill: true);

        using var next = Consumer("g");
        next.Subscribe("t");
        Assert.Equal(7, next.Consume(Token).Offset.Value);
        Assert.Equal(7, next.Committed(TimeSpan.FromSeconds(10)).Single().Offset.Value);
        next.Close();
    }

    [Fact]
    public async Task A_running_consumer_joins_again_after_a_restart_of_the_broker()
    {
        await CreateTopic("t", 1);
        using var producer = Producer();
        using var consumer = Consumer("g", config => config.EnablePartitionEof = false);
        consumer.Subscribe("t");
        await producer.ProduceAsync("t", new Message<string?, string> { Value = "before" }, Token);
        Assert.Equal("before", consumer.Consume(Token).Message.Value);
        consumer.Commit();

        await Restart(kill: true);

        await producer.ProduceAsync("t", new Message<string?, string> { Value = "after" }, Token);
        Assert.Equal("after", consumer.Consume(Token).Message.Value);
        consumer.Close();
    }

    [Fact]
    public async Task Offsets_are_found_by_end_and_by_time()
    {
        await CreateTopic("t", 2);
        using (var producer = Producer(config => config.LingerMs = 50))
        {
            for (var i = 0; i < 100; i++)
                producer.Produce(new TopicPartition("t", 0), new Message<string?, string>
                {
                    Value = "v", Timestamp = new Timestamp(1_700_000_000_000 + 1_000 * i, TimestampType.CreateTime),
                });
            producer.Flush(Token);
        }
        using var consumer = Consumer("g");
        var patience = TimeSpan.FromSeconds(10);

        Assert.Equal((0L, 100L), Range(consumer.QueryWatermarkOffsets(new("t", 0), patience)));
        Assert.Equal((0L, 0L), Range(consumer.QueryWatermarkOffsets(new("t", 1), patience)));
        var found = consumer.OffsetsForTimes(
            [
                new("t", 0, new Timestamp(1_700_000_000_000 + 41_500, TimestampType.CreateTime)),
                new("t", 1, new Timestamp(0, TimestampType.CreateTime)),
            ],
            patience);
        Assert.Equal([42, Offset.End.Value], found.Select(each => each.Offset.Value));
    }

    [Fact]
    public async Task Groups_are_listed_and_described()
    {
        await CreateTopic("t", 1);
        using var consumer = Consumer("g", config => config.ClientId = "somebody");
        consumer.Subscribe("t");
        Assert.True(consumer.Consume(Token).IsPartitionEOF);
        using var admin = Admin();

        var group = admin.ListGroups(TimeSpan.FromSeconds(10)).Single();

        Assert.Equal(("g", "Stable", "consumer", "range"), (group.Group, group.State, group.ProtocolType, group.Protocol));
        Assert.Equal(("somebody", consumer.MemberId), (group.Members.Single().ClientId, group.Members.Single().MemberId));
        Assert.NotEmpty(group.Members.Single().MemberAssignment);
        Assert.Null(admin.ListGroup("missing", TimeSpan.FromSeconds(10)));
        consumer.Close();
        Assert.Equal("Empty", admin.ListGroup("g", TimeSpan.FromSeconds(10)).State);
    }

    [Fact]
    public async Task A_waiting_fetch_is_answered_by_the_next_record()
    {
        await CreateTopic("t", 1);
        using var producer = Producer();
        using var consumer = Consumer("g", config => config.FetchWaitMaxMs = 50_000);
        consumer.Assign(new TopicPartitionOffset("t", 0, Offset.Beginning));
        var started = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < 20; i++)
        {
            // The end of the partition is told once a fetch came back empty, so that the next one waits.
            var sent = producer.ProduceAsync("t", new Message<string?, string> { Value = "v" }, Token);
            while (consumer.Consume(Token).IsPartitionEOF) { }
            await sent;
        }

        Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(50), "a fetch waited for its time to run out");
    }

    [Fact]
    public void Transactions_are_refused_and_not_waited_for()
    {
        using var producer = Producer(config => config.TransactionalId = "tx");

        var refused = Assert.Throws<KafkaException>(() => producer.InitTransactions(TimeSpan.FromSeconds(30)));

        Assert.Equal(ErrorCode.TransactionalIdAuthorizationFailed, refused.Error.Code);
    }

    private static (long, long) Range(WatermarkOffsets offsets) => (offsets.Low.Value, offsets.High.Value);
}
