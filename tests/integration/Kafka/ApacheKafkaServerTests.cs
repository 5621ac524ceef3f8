using Confluent.Kafka;
using Confluent.Kafka.Admin;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests.Kafka;

public sealed class ApacheKafkaServerTests(Servers servers)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_node_comes_back_with_its_data_after_a_stop_a_kill_and_a_new_start()
    {
        var state = servers.NewStateDirectory();
        await using var broker = await KafkaBroker.StartAsync(ApacheKafka.Require(), state, TimeProvider.System, Token);
        Assert.Matches(@"^Apache Kafka \d+\.\d+\.\d+$", broker.Description);
        await CreateAsync(broker.Bootstrap);
        await ProduceAsync(broker.Bootstrap, "one");

        await broker.StartAgainAsync();
        await broker.WaitUntilReadyAsync(Token);
        await ProduceAsync(broker.Bootstrap, "two");

        await broker.Process.KillAsync();
        await broker.DisposeAsync();
        await using var next = await KafkaBroker.StartAsync(Servers.KafkaHome, state, TimeProvider.System, Token, broker.Port);
        Assert.Equal(broker.Bootstrap, next.Bootstrap);
        Assert.Equal(["one", "two"], Consume(next.Bootstrap, 2));
    }

    [Fact]
    public async Task A_node_that_cannot_start_says_why()
    {
        var (home, state) = (ApacheKafka.Require(), servers.NewStateDirectory());
        // As if its data had been removed by hand.
        await File.WriteAllTextAsync(Path.Combine(state.DataDirectory("kafka"), "formatted"), "", Token);
        var refused = await Assert.ThrowsAsync<DevStackException>(() => KafkaBroker.StartAsync(home, state, TimeProvider.System, Token));
        Assert.Contains("meta.properties", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cluster_acknowledges_without_one_node_and_gets_one_back_that_lost_its_disk()
    {
        await using var cluster = await KafkaCluster.StartAsync(ApacheKafka.Require(), servers.NewStateDirectory(), TimeProvider.System, Token);
        await CreateAsync(cluster.Bootstrap);
        await ProduceAsync(cluster.Bootstrap, "all");
        var written = new List<string> { "all" };
        foreach (var id in cluster.Ids)
        {
            await cluster.KillAsync(id);
            await ProduceAsync(cluster.Bootstrap, $"without {id}");
            written.Add($"without {id}");
            if (id == 3) cluster.LoseDisk(id);
            await cluster.StartAgainAsync(id, Token);
            await InSyncAsync(cluster.Bootstrap, 3);
        }
        Assert.Equal(written, Consume(cluster.Bootstrap, written.Count));
    }

    private static async Task CreateAsync(string bootstrap)
    {
        using var admin = Admin(bootstrap);
        await admin.CreateTopicsAsync([new TopicSpecification { Name = "topic", NumPartitions = 1, ReplicationFactor = -1 }]);
    }

    private static async Task ProduceAsync(string bootstrap, string value)
    {
        using var producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = bootstrap, EnableIdempotence = true })
            .SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        await producer.ProduceAsync("topic", new Message<Null, string> { Value = value }, Token);
    }

    private static List<string> Consume(string bootstrap, int count)
    {
        using var consumer = new ConsumerBuilder<Null, string>(new ConsumerConfig { BootstrapServers = bootstrap, GroupId = "test" })
            .SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        consumer.Assign(new TopicPartitionOffset("topic", 0, Offset.Beginning));
        var values = new List<string>();
        while (values.Count < count && consumer.Consume(Patience) is { } record) values.Add(record.Message.Value);
        return values;
    }

    private static async Task InSyncAsync(string bootstrap, int replicas)
    {
        using var admin = Admin(bootstrap);
        var time = TimeProvider.System;
        for (var start = time.GetTimestamp(); ; await Task.Delay(TimeSpan.FromMilliseconds(100), time, Token))
        {
            var partition = admin.GetMetadata("topic", Patience).Topics.Single().Partitions.Single();
            if (partition.InSyncReplicas.Length == replicas) return;
            Assert.True(time.GetElapsedTime(start) < Patience, $"in sync after {Patience}: {string.Join(',', partition.InSyncReplicas)}");
        }
    }

    private static IAdminClient Admin(string bootstrap) =>
        new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
}
