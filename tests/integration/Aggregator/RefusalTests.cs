using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests.Aggregator;

/// <summary>What the service does not start with, and what it says.</summary>
public sealed class RefusalTests(Servers servers)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("Aggregator__KafkaBootstrap", "", "Aggregator:KafkaBootstrap is missing")]
    [InlineData("Aggregator__Postgres", "", "Aggregator:Postgres is missing")]
    [InlineData("Aggregator__Postgres", "Nonsense=1", "Aggregator:Postgres")]
    [InlineData("Aggregator__Postgres", "Database=x", "names no Host")]
    [InlineData("Aggregator__BusinessZone", "Moon/Base", "'Moon/Base'")]
    [InlineData("Aggregator__ChunkTime", "00:02:00", "00:01:00")]
    [InlineData("Aggregator__ChunkTime", "soon", "ChunkTime")]
    [InlineData("Aggregator__FutureDays", "-1", "'-1'")]
    [InlineData("Aggregator__ClaimCacheMegabytes", "0", "ClaimCacheMegabytes")]
    [InlineData("Aggregator__ChunkTme", "00:00:01", "ChunkTme")]
    public async Task A_bad_configuration_is_named_and_exits_2(string key, string value, string says)
    {
        var state = servers.NewStateDirectory();
        var settings = new ServiceSettings("127.0.0.1:1", "", "Host=127.0.0.1;Port=1")
        {
            Environment = new Dictionary<string, string> { [key] = value },
        };
        await using var service = ServiceProcess.Aggregator(settings, state, TimeProvider.System);
        Assert.Equal(2, await service.Process.Exited.WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken));
        Assert.Contains(says, service.Process.LogTail(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_schema_of_a_newer_program_is_refused()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.Postgres.ExecuteAsync("""
            create schema rollup;
            create table rollup.schema_version (version int primary key, file text not null, applied_at timestamptz not null default now());
            insert into rollup.schema_version values (999, '999_future.sql');
            """, TestContext.Current.CancellationToken);
        await AssertStopsAsync(log, "has version 999");
    }

    [Fact]
    public async Task A_changed_partition_count_stops_the_service()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await using (await log.StartAggregatorAsync("before"))
        {
            await LogUnderTest.UntilAsync(
                async () => await log.CountAsync("select count(*) from rollup.partition_count") == 2, () => Task.FromResult("the counts were not remembered"));
        }
        await log.Postgres.ExecuteAsync("update rollup.partition_count set partitions = 5 where stream = 'ad-views'", TestContext.Current.CancellationToken);
        await AssertStopsAsync(log, $"'{log.Topics.AdViews}' has 4 partitions, the rollups were made with 5");
    }

    [Fact]
    public async Task A_database_that_is_down_is_named_and_waited_for()
    {
        var state = servers.NewStateDirectory();
        await using var broker = await TestBroker.StartAsync(servers, state);
        var settings = new ServiceSettings(broker.Bootstrap, "", "Host=127.0.0.1;Port=1;Username=nobody;Database=none") { TopicPrefix = broker.TopicPrefix };
        await using var service = ServiceProcess.Aggregator(settings, state, TimeProvider.System);
        await LogUnderTest.UntilHealthAsync(service, 503, "\"postgres\":\"Failed to connect");
        Assert.False(service.Process.Exited.IsCompleted);
    }

    [Fact]
    public async Task Topics_that_do_not_exist_yet_are_named_and_waited_for()
    {
        var state = servers.NewStateDirectory();
        await using var postgres = await servers.NewPostgresDatabaseAsync();
        await using var broker = await TestBroker.StartAsync(servers, state);
        var settings = new ServiceSettings(broker.Bootstrap, "", postgres.ConnectionString) { TopicPrefix = broker.TopicPrefix };
        await using var service = ServiceProcess.Aggregator(settings, state, TimeProvider.System);
        await LogUnderTest.UntilHealthAsync(service, 503, $"{broker.Topics.ViewLogs}, {broker.Topics.AdViews} not there yet");
        Assert.False(service.Process.Exited.IsCompleted);
    }

    private static async Task AssertStopsAsync(LogUnderTest log, string says)
    {
        var service = await log.StartAggregatorAsync("refused", ready: false);
        Assert.Equal(1, await service.Process.Exited.WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken));
        Assert.Contains(says, service.Process.LogTail(60), StringComparison.Ordinal);
    }
}
