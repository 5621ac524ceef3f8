using System.Text.Json;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Generator;
using StreamSettlement.Ingest.Source;
using StreamSettlement.IntegrationTests.Aggregator;
using StreamSettlement.IntegrationTests.Ingest;

namespace StreamSettlement.IntegrationTests.EndToEnd;

/// <summary>Two deployments that share a broker and a source and differ in nothing but their prefix.</summary>
public sealed class SharedClusterTests(Servers servers)
{
    private const string Prefix = "team-b.";

    private static readonly BusinessDay Day = BusinessDay.Of(2026, 3, 15);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Both_count_everything_and_neither_receives_what_the_other_sent()
    {
        await using var one = await Stack.StartAsync(servers, ownBroker: true);
        await using var other = await Stack.StartAsync(servers, topicPrefix: Prefix, sharedWith: one);
        await new SourceFiller(one.Source, new GeneratorSettings { Seed = 11, Logs = 3_000, Ads = 1_500, Contents = 40, Creators = 6, Day = Day }).FillAsync(null, Token);

        await EndAsync(one);
        await PostedAsync(one);

        // The other deployment got neither the command nor the day markers.
        Assert.Equal(0, Ends(other, other.Topics.Commands, 1).Sum());
        Assert.Equal(0L, await other.Postgres.ScalarAsync("select count(*) from rollup.seal", Token));
        await EndAsync(other);
        await PostedAsync(other);

        foreach (var stack in (Stack[])[one, other])
        {
            await new SourceTruth(stack).AssertEqualAsync([Day]);
            Assert.Equal(1, Ends(stack, stack.Topics.Commands, 1).Sum());
            Assert.Equal(0L, await stack.Postgres.ScalarAsync("select count(*) from rollup.dead_letter", Token));
            foreach (var stream in SourceStreams.All)
            {
                // The aggregator has read its own topic to the end.
                Assert.Equal(
                    Ends(stack, stack.Topics.Of(stream), Limits.PartitionsDefault).Sum(),
                    Convert.ToInt64(await stack.Postgres.ScalarAsync($"select sum(next_offset) from rollup.progress where stream = '{stream.Name()}'", Token)));
            }
        }
        await AssertNamesAsync(one);
        var locks = await one.Source.NumberAsync(
            $"select count(distinct id) from (select is_used_lock('{MySqlSettings.NameOfLock("", one.Source.Name)}') id union all select is_used_lock('{MySqlSettings.NameOfLock(Prefix, one.Source.Name)}')) held");
        Assert.Equal(2, locks);
    }

    /// <summary>The broker has the pinned names without and with the prefix, and no others.</summary>
    private static async Task AssertNamesAsync(Stack stack)
    {
        string[] topics =
            ["ad-views.v1", "ad-views.v1.dlq", "ingest-cursors.v1", "settlement.commands.v1", "settlement.events.v1", "view-logs.v1", "view-logs.v1.dlq"];
        string[] groups = ["aggregator-control", "aggregator-g1", "ingest-control", "settlement-control"];
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = stack.Broker.Bootstrap }).SetLogHandler((_, _) => { }).Build();
        var found = admin.GetMetadata(Patience).Topics.Select(topic => topic.Topic).Where(topic => !topic.StartsWith("__", StringComparison.Ordinal));
        Assert.Equal(Twice(topics), found.Order(StringComparer.Ordinal));
        var listed = await admin.ListConsumerGroupsAsync(new ListConsumerGroupsOptions { RequestTimeout = Patience });
        Assert.Equal(Twice(groups), listed.Valid.Select(group => group.GroupId).Where(group => group != nameof(SharedClusterTests)).Order(StringComparer.Ordinal));
        foreach (var prefix in (string[])["", Prefix])
        {
            // Client ids are the services' names; a service that reads the control topics through MassTransit's rider has a client for each.
            var described = await admin.DescribeConsumerGroupsAsync([.. groups.Select(group => prefix + group)], new DescribeConsumerGroupsOptions { RequestTimeout = Patience });
            Assert.Equal(
                [$"{prefix}aggregator", $"{prefix}aggregator-control", $"{prefix}ingest-control", $"{prefix}settlement-control"],
                described.ConsumerGroupDescriptions.SelectMany(group => group.Members).Select(member => member.ClientId).Distinct().Order(StringComparer.Ordinal));
        }

        static IEnumerable<string> Twice(string[] names) => names.Concat(names.Select(name => Prefix + name)).Order(StringComparer.Ordinal);
    }

    private static List<long> Ends(Stack stack, string topic, int partitions)
    {
        using var consumer = new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig { BootstrapServers = stack.Broker.Bootstrap, GroupId = nameof(SharedClusterTests) })
            .SetLogHandler((_, _) => { }).Build();
        return [.. Enumerable.Range(0, partitions).Select(partition => consumer.QueryWatermarkOffsets(new TopicPartition(topic, partition), Patience).High.Value)];
    }

    private static async Task EndAsync(Stack stack)
    {
        using var response = await stack.Api.PostAsync($"/days/{Day}/end", null, Token);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(Token));
    }

    private static async Task PostedAsync(Stack stack)
    {
        var last = "nothing";
        await LogUnderTest.UntilAsync(async () =>
        {
            using var response = await stack.Api.GetAsync($"/days/{Day}", Token);
            last = await response.Content.ReadAsStringAsync(Token);
            return response.IsSuccessStatusCode && JsonDocument.Parse(last).RootElement.GetProperty("status").GetString() == "Posted";
        }, () => Task.FromResult($"{last}; logs: {stack.State.LogDirectory}"));
    }
}
