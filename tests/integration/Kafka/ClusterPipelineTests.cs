using System.Globalization;
using Confluent.Kafka;
using StreamSettlement.Cli.Api;
using StreamSettlement.Cli.Commands;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Generator;
using StreamSettlement.DevStack.Servers;
using Truth = StreamSettlement.DevStack.Truth.SourceTruth;

namespace StreamSettlement.IntegrationTests.Kafka;

/// <summary>The pipeline on three nodes of Apache Kafka, replication factor 3, min.insync.replicas 2, of which one at a time is lost.</summary>
public sealed class ClusterPipelineTests(Servers servers)
{
    private const int RowsPerSecond = 300;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly BusinessDay Day = BusinessDay.Of(2026, 11, 21);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task While_rows_stream_every_broker_is_killed_in_turn_and_one_loses_its_disk_and_the_books_are_exact()
    {
        var home = ApacheKafka.Require();
        await using var cluster = await KafkaCluster.StartAsync(home, servers.NewStateDirectory(), TimeProvider.System, Token);
        await using var source = await servers.NewSourceDatabaseAsync();
        await using var rollup = await servers.NewPostgresDatabaseAsync();
        await using var stack = await LocalStack.StartServersAsync(servers.NewStateDirectory(), new LocalStackSettings
        {
            Servers = new ServerChoice { Bootstrap = cluster.Bootstrap, Source = source.OwnerConnectionString, Postgres = rollup.ConnectionString },
            Environment = new Dictionary<string, string> { ["Ingest__EndOfDaySchedule"] = "false", ["Ingest__SafetyLag"] = "00:00:00" },
        }, _ => { }, TimeProvider.System, Token);
        await stack.StartServicesAsync(_ => { }, Token);
        Assert.Equal(3, Replicas(cluster.Bootstrap).Min());

        using var over = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var generator = new LiveGenerator(source, new GeneratorSettings { Contents = 200, Creators = 20, Advertisements = 10, Seed = 9, Day = Day }, RowsPerSecond, TimeProvider.System);
        var streaming = generator.RunAsync(null, null, over.Token);
        foreach (var node in cluster.Ids)
        {
            await CountedMoreAsync(rollup);
            await cluster.KillAsync(node);
            // Two of three acknowledge: ingest and aggregator go on.
            await CountedMoreAsync(rollup);
            if (node == cluster.Ids.Last()) cluster.LoseDisk(node);
            await cluster.StartAgainAsync(node, Token);
            await UntilAsync(() => Task.FromResult(InSync(cluster.Bootstrap).Min() == 3), "every partition has three replicas in sync");
        }
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => streaming);

        using var api = new SettlementApi(stack.Settlement!.Address);
        await api.EndDayAsync(Day, Token);
        var state = await DayCommands.AwaitPostedAsync(api, Day, Patience, TimeProvider.System, Token);
        Assert.True(state.IsPosted, $"{state.Status}, {state.Refusal}: {state.Detail}");
        Assert.All(await new Truth(source, rollup).CompareAsync([Day], Token), comparison => Assert.True(comparison.IsEqual, comparison.ToString()));
        Assert.All(stack.Parts(), part => Assert.False(part.Process.ExitedUnexpectedly, part.Process.Name));
    }

    private static async Task CountedMoreAsync(PostgresDatabase rollup)
    {
        var before = await CountedAsync(rollup);
        await UntilAsync(async () => await CountedAsync(rollup) > before + RowsPerSecond, $"more than {before + RowsPerSecond} rows are counted");
    }

    private static async Task<long> CountedAsync(PostgresDatabase rollup) =>
        Convert.ToInt64(await rollup.ScalarAsync("select coalesce(sum(rows), 0) from rollup.partition_day", Token), CultureInfo.InvariantCulture);

    private static List<int> Replicas(string bootstrap) => Partitions(bootstrap, partition => partition.Replicas.Length);

    private static List<int> InSync(string bootstrap) => Partitions(bootstrap, partition => partition.InSyncReplicas.Length);

    private static List<int> Partitions(string bootstrap, Func<PartitionMetadata, int> of)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        return [.. admin.GetMetadata(TimeSpan.FromSeconds(20)).Topics.SelectMany(topic => topic.Partitions).Select(of)];
    }

    private static async Task UntilAsync(Func<Task<bool>> reached, string what)
    {
        var time = TimeProvider.System;
        for (var start = time.GetTimestamp(); !await reached(); await Task.Delay(TimeSpan.FromMilliseconds(200), time, Token))
            Assert.True(time.GetElapsedTime(start) < Patience, $"not within {Patience}: {what}");
    }
}
