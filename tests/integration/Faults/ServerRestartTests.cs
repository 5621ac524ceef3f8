using MySqlConnector;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Source;
using StreamSettlement.IntegrationTests.Aggregator;
using StreamSettlement.IntegrationTests.Ingest;

namespace StreamSettlement.IntegrationTests.Faults;

/// <summary>Database servers that crash in the middle of the work of a service. They are this class's own: others go on.</summary>
public sealed class ServerRestartTests(Servers servers)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PostgreSQL_is_restarted_during_a_chunk()
    {
        var state = await OwnStateAsync("restarted-postgres");
        await using var server = await PostgresServer.StartAsync(state, TimeProvider.System, Token);
        await server.ExecuteAsync("drop database if exists chunk with (force)", Token);
        var created = await server.DatabaseAsync("chunk", Token);
        // Not pooled: this test's own connections are new ones after the restart. The service's stay pooled.
        await using var database = new PostgresDatabase("chunk", created.ConnectionString + ";Pooling=false", _ => Task.CompletedTask);
        await using var log = await LogUnderTest.StartAsync(servers, postgres: database);
        await using var run = AggregatorRun.Start(log);
        await run.OwnsAsync();
        await using (var blocker = new NpgsqlConnection(database.ConnectionString))
        {
            await blocker.OpenAsync(Token);
            await using var transaction = await blocker.BeginTransactionAsync(Token);
            await using (var hold = new NpgsqlCommand("lock table rollup.content_day in exclusive mode", blocker)) await hold.ExecuteNonQueryAsync(Token);
            await log.ProduceAsync(TestRows.Of(seed: 111, rows: 2_000));
            await LogUnderTest.UntilAsync(
                async () => await log.CountAsync("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%content_day%'") > 0,
                () => Task.FromResult("no chunk is being written"));
            // Progress, seals and totals of the chunk are written, its rollups are not.
            await server.Process.KillAsync();
        }
        await server.StartAgainAsync();
        await server.WaitUntilReadyAsync(Token);
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
    }

    [Fact]
    public async Task The_source_is_restarted_during_a_page()
    {
        var state = await OwnStateAsync("restarted-source");
        await using var server = await Servers.StartSourceAsync(state, Token);
        await server.ExecuteAsync("drop database if exists page", Token);
        var source = await server.SourceDatabaseAsync("page", Token);
        await using var stage = await IngestStage.StartAsync(servers, source);
        await source.AddContentsAsync(10);
        for (var i = 0; i < 5; i++) await source.AddViewsAsync(100);
        await using var locker = await source.OpenAsync(Token);
        await using (var hold = new MySqlCommand("lock tables content_post write", locker)) await hold.ExecuteNonQueryAsync(Token);
        var options = stage.Options;
        options.PageRows = 200;
        await using var run = IngestRun.Start(options);
        // The page's rows are read, their creators are not.
        await LogUnderTest.UntilAsync(
            async () => await source.NumberAsync("select count(*) from information_schema.processlist where state like '%metadata lock%' and info like '%content_post%'") > 0,
            () => Task.FromResult("no page is being read"));
        await server.Process.KillAsync();
        await server.StartAgainAsync();
        await server.WaitUntilReadyAsync(Token);

        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Select(record => record.Id).Distinct().Count() >= 500);
        Assert.Equal(await source.IdsInOrderAsync("daily_member_view_log"), views.Select(record => record.Id).Distinct().Order());
        Assert.All(views, record => Assert.NotEqual(0, record.Record.ViewLog.CreatorId));
    }

    [Fact]
    public async Task A_source_that_does_not_answer_holds_up_nobody_who_has_stopped_waiting()
    {
        var state = await OwnStateAsync("halted-source");
        await using var server = await Servers.StartSourceAsync(state, Token);
        await server.ExecuteAsync("drop database if exists halted", Token);
        var source = await server.SourceDatabaseAsync("halted", Token);
        var session = await new MySqlSource(new IngestOptions { KafkaBootstrap = "unused:1", MySql = source.IngestConnectionString }, TimeProvider.System).TryAcquireAsync(Token)
            ?? throw new InvalidOperationException("somebody else holds the lock");
        server.Process.Suspend();
        try
        {
            using var stop = new CancellationTokenSource();
            var look = session.LookAsync(fresh: true, stop.Token);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => look.WaitAsync(TimeSpan.FromSeconds(5), TimeProvider.System, Token));
            // Far below the two minutes that a statement may take.
            await session.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token);
        }
        finally
        {
            server.Process.Continue();
        }
        // The lock is free again: the session that held it is silent, or has been closed.
        await LogUnderTest.UntilAsync(
            async () => await source.NumberAsync($"select coalesce(is_used_lock('{MySqlSettings.NameOfLock("", source.Name)}'), 0)") == 0,
            () => Task.FromResult("the lock is still held"));
    }

    /// <summary>Kept between runs: initialising a data directory takes seconds.</summary>
    private async Task<StateDirectory> OwnStateAsync(string name)
    {
        var state = new StateDirectory(Path.Combine(servers.State.Root, name));
        await Leftovers.StopAsync(state, TimeProvider.System);
        return state;
    }
}
