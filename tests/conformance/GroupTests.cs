using System.Globalization;
using Confluent.Kafka;
using StreamSettlement.ConformanceTests.Clients;

namespace StreamSettlement.ConformanceTests;

/// <summary>Members of groups share the partitions of topics and remember where they are.</summary>
public sealed class GroupTests(Cluster cluster)
{
    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Kcat)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task A_group_goes_on_where_it_committed(string client)
    {
        var (topic, group) = (await cluster.NewTopic(), cluster.NewName("group"));
        await Fill(topic, 0, 10);

        var first = await cluster.Client(client).ReadInGroup(topic, group, 6);
        var second = await cluster.Client(client).ReadInGroup(topic, group, 4);

        Assert.Equal(Enumerable.Range(0, 10).Select(i => (long)i), first.Concat(second).Select(record => record.Offset));
        Assert.Equal(10, await cluster.Confluent.Committed(group, topic, 0));
    }

    /// <summary>Where one client leaves a group, another goes on: kcat commits as librdkafka does, the others each record.</summary>
    [Theory]
    [InlineData(ClientName.Confluent, ClientName.Python)]
    [InlineData(ClientName.Python, ClientName.KafkaJs)]
    [InlineData(ClientName.KafkaJs, ClientName.Kcat)]
    [InlineData(ClientName.Kcat, ClientName.Confluent)]
    public async Task A_group_that_everybody_left_is_taken_over_by_another_client(string first, string second)
    {
        var (topic, group) = (await cluster.NewTopic(), cluster.NewName("group"));
        await Fill(topic, 0, 6);

        var read = await cluster.Client(first).ReadInGroup(topic, group, 3);
        read.AddRange(await cluster.Client(second).ReadInGroup(topic, group, 3));

        Assert.Equal([0, 1, 2, 3, 4, 5], read.Select(record => record.Offset));
    }

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task Two_members_share_the_partitions_and_one_takes_over_what_the_other_leaves(string client)
    {
        const int Partitions = 4;
        var (topic, group) = (await cluster.NewTopic(Partitions), cluster.NewName("group"));

        var sharing = await cluster.Admin(client).Share(topic, group, Partitions);

        Assert.All(sharing.Both, Assert.NotEmpty);
        Assert.Equal([0, 1, 2, 3], sharing.Both.SelectMany(each => each).Order());
        Assert.Equal([0, 1, 2, 3], sharing.One);
        Assert.Equal(("Stable", 2), (sharing.State, sharing.Members));
    }

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task Groups_are_listed_told_and_deleted(string client)
    {
        var (topic, group) = (await cluster.NewTopic(partitions: 2), cluster.NewName("group"));
        await Fill(topic, 1, 3);
        var admin = cluster.Admin(client);
        await admin.ReadInGroup(topic, group, 2);

        Assert.Contains(group, await admin.Groups());
        Assert.Equal((-1, 2), (await admin.Committed(group, topic, 0), await admin.Committed(group, topic, 1)));
        await admin.DeleteGroup(group);

        Assert.DoesNotContain(group, await admin.Groups());
        Assert.Equal(-1, await cluster.Confluent.Committed(group, topic, 1));
        await Refusal.Is(Refusal.GroupNotFound, () => admin.DeleteGroup(group));
    }

    [Theory]
    [InlineData(ClientName.Confluent)]
    [InlineData(ClientName.Python)]
    [InlineData(ClientName.KafkaJs)]
    public async Task A_group_with_members_is_not_deleted(string client)
    {
        var (topic, group) = (await cluster.NewTopic(), cluster.NewName("group"));
        using var member = Member(topic, group);

        await Refusal.Is(Refusal.GroupNotEmpty, () => cluster.Admin(client).DeleteGroup(group));

        member.Close();
        await cluster.Admin(client).DeleteGroup(group);
    }

    [Fact]
    public async Task A_static_member_that_comes_back_keeps_its_partitions_without_a_rebalance()
    {
        var (topic, group) = (await cluster.NewTopic(partitions: 2), cluster.NewName("group"));
        using var other = Member(topic, group, "other", partitions: 2);
        var former = Member(topic, group, "former", partitions: 1, meanwhile: other);
        var owned = former.Assignment.Single();
        // Without leaving: a static member is missed only when its session ends.
        former.Dispose();

        using var back = Member(topic, group, "former", partitions: 1, meanwhile: other);

        Assert.Equal(owned, back.Assignment.Single());
        Assert.NotEqual(owned, other.Assignment.Single());
        back.Close();
        other.Close();
    }

    [Fact]
    public async Task A_second_member_of_the_same_instance_fences_the_first_in_one_client()
    {
        var (topic, group) = (await cluster.NewTopic(), cluster.NewName("group"));
        using var first = Member(topic, group, "one");
        using var second = Member(topic, group, "one");

        var fenced = Until(() => Assert.ThrowsAny<KafkaException>(() => PollOnce(first)));

        Assert.Equal((Refusal.FencedInstance, true), ((int)fenced.Error.Code, fenced.Error.IsFatal));
        second.Close();

        // Fatal errors come to the poll only once a heartbeat has met them.
        static KafkaException Until(Func<KafkaException> thrown)
        {
            for (; ; )
            {
                try
                {
                    return thrown();
                }
                catch (Xunit.Sdk.XunitException)
                {
                    TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
                }
            }
        }
    }

    [Fact]
    public async Task A_second_member_of_the_same_instance_fences_the_first_in_another_client()
    {
        var (topic, group) = (await cluster.NewTopic(), cluster.NewName("group"));
        using var first = cluster.Kcat.StartMember(topic, group, "one");
        var token = TestContext.Current.CancellationToken;
        // "% Group … rebalanced (memberid …): assigned: …"
        while (await first.StandardError.ReadLineAsync(token) is { } line && !line.Contains("assigned", StringComparison.Ordinal)) { }

        using var second = Member(topic, group, "one");

        var told = await first.StandardError.ReadToEndAsync(token);
        await first.WaitForExitAsync(token);
        Assert.Contains("fenced", told, StringComparison.OrdinalIgnoreCase);
        second.Close();
    }

    private static void PollOnce(IConsumer<string?, string?> consumer) => consumer.Consume(TimeSpan.FromMilliseconds(50));

    /// <summary>A consumer that has joined and owns so many partitions.</summary>
    private IConsumer<string?, string?> Member(string topic, string group, string? instance = null, int partitions = 1, IConsumer<string?, string?>? meanwhile = null)
    {
        var consumer = cluster.Confluent.Consumer(group, config => config.GroupInstanceId = instance);
        consumer.Subscribe(topic);
        while (consumer.Assignment.Count != partitions)
        {
            PollOnce(consumer);
            if (meanwhile is not null) PollOnce(meanwhile);
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
        }
        return consumer;
    }

    private Task Fill(string topic, int partition, int count) => cluster.Confluent.Produce(
        topic,
        [.. Enumerable.Range(0, count).Select(i => new NewRecord(partition, "k", i.ToString(CultureInfo.InvariantCulture), new Dictionary<string, string>()))],
        "none", idempotent: true);
}
