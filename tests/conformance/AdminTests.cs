using StreamSettlement.ConformanceTests.Clients;

namespace StreamSettlement.ConformanceTests;

/// <summary>Topics are made, changed and deleted.</summary>
public sealed class AdminTests(Cluster cluster)
{
    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Kcat)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task The_cluster_tells_of_its_brokers_and_topics(string client)
    {
        var topic = await cluster.NewTopic(partitions: 3);

        var described = await cluster.Client(client).Cluster();

        Assert.NotEmpty(described.Brokers);
        Assert.True(described.Controller >= 0, $"controller {described.Controller}");
        Assert.Equal(3, await cluster.Client(client).Partitions(topic));
    }

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task The_cluster_has_an_id(string client) => Assert.NotEmpty((await cluster.Admin(client).Cluster()).ClusterId);

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task A_topic_is_made_with_its_settings_grown_and_deleted(string client)
    {
        var (admin, topic) = (cluster.Admin(client), cluster.NewTopicName());

        await admin.CreateTopic(topic, 2, 1, new Dictionary<string, string> { ["cleanup.policy"] = "compact", ["retention.ms"] = "12345" });
        await Eventually.Is(2, () => admin.Partitions(topic));
        var settings = await admin.Settings(topic);
        Assert.Equal(("compact", "12345", "-1"), (settings["cleanup.policy"], settings["retention.ms"], settings["retention.bytes"]));

        await admin.CreatePartitions(topic, 5);
        await Eventually.Is(5, () => admin.Partitions(topic));
        await admin.Produce(topic, [new NewRecord(4, "k", "v", new Dictionary<string, string>())]);
        Assert.Equal("v", Assert.Single(await admin.Read(topic, 4)).Value);

        await admin.DeleteTopic(topic);
        await Eventually.Refuses(Refusal.UnknownTopic, () => admin.DeleteTopic(topic));
    }

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task What_can_not_be_is_refused(string client)
    {
        var admin = cluster.Admin(client);
        var topic = await cluster.NewTopic(partitions: 2);

        await Refusal.Is(Refusal.TopicExists, () => admin.CreateTopic(topic, 1));
        await Refusal.Is(Refusal.InvalidReplicationFactor, () => admin.CreateTopic(cluster.NewTopicName(), 1, replicas: 999));
        await Refusal.Is(Refusal.InvalidTopic, () => admin.CreateTopic("not/legal", 1));
        await Refusal.Is(Refusal.InvalidPartitions, () => admin.CreateTopic(cluster.NewTopicName(), 0));
        await Refusal.Is(Refusal.InvalidSetting, () => admin.CreateTopic(cluster.NewTopicName(), 1, 1, new Dictionary<string, string> { ["retention.ms"] = "long" }));
        await Refusal.Is(Refusal.InvalidPartitions, () => admin.CreatePartitions(topic, 1));
        await Refusal.Is(Refusal.UnknownTopic, () => admin.DeleteTopic(cluster.NewTopicName()));
    }

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task Settings_of_a_topic_are_replaced(string client)
    {
        var admin = cluster.Admin(client);
        var topic = await cluster.NewTopic(settings: new Dictionary<string, string> { ["retention.bytes"] = "12345" });

        await admin.AlterSettings(topic, new Dictionary<string, string> { ["retention.ms"] = "777" });

        await Eventually.Is("777", async () => (await admin.Settings(topic))["retention.ms"]);
        Assert.Equal("-1", (await admin.Settings(topic))["retention.bytes"]);
        await Refusal.Is(Refusal.InvalidSetting, () => admin.AlterSettings(topic, new Dictionary<string, string> { ["retention.ms"] = "long" }));
    }

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.KafkaJs)]
    public async Task Records_are_deleted_below_an_offset(string client)
    {
        var admin = cluster.Admin(client);
        var topic = await cluster.NewTopic();
        await admin.Produce(topic, [.. Enumerable.Range(0, 10).Select(i => new NewRecord(0, "k", $"{i}", new Dictionary<string, string>()))]);

        await admin.DeleteRecords(topic, 0, 4);

        Assert.Equal(new OffsetRange(4, 10), await admin.Offsets(topic, 0));
        Assert.Equal([4, 5, 6, 7, 8, 9], (await admin.Read(topic, 0)).Select(record => record.Offset));
    }

    [Fact]
    public async Task Records_of_a_topic_that_is_only_compacted_are_not_deleted()
    {
        var topic = await cluster.NewTopic(settings: new Dictionary<string, string> { ["cleanup.policy"] = "compact" });
        await cluster.Confluent.Produce(topic, [new NewRecord(0, "k", "v", new Dictionary<string, string>())], "none", idempotent: false);

        await Refusal.Is(Refusal.PolicyViolation, () => cluster.Confluent.DeleteRecords(topic, 0, 1));
    }

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task A_topic_made_again_is_empty_and_its_groups_begin_anew(string client)
    {
        var (admin, group) = (cluster.Admin(client), cluster.NewName("group"));
        var topic = await cluster.NewTopic();
        await admin.Produce(topic, [.. Enumerable.Range(0, 3).Select(i => new NewRecord(0, "k", "before", new Dictionary<string, string>()))]);
        await admin.ReadInGroup(topic, group, 3);

        await admin.DeleteTopic(topic);
        await Eventually.Refuses(Refusal.UnknownTopic, () => admin.DeleteTopic(topic));
        await admin.CreateTopic(topic, 1);

        await Eventually.Is(new OffsetRange(0, 0), () => admin.Offsets(topic, 0));
        await admin.Produce(topic, [new NewRecord(0, "k", "after", new Dictionary<string, string>())]);
        Assert.Equal("after", Assert.Single(await admin.ReadInGroup(topic, group, 1)).Value);
    }
}
