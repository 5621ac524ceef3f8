using StreamSettlement.Aggregator.Core;
using StreamSettlement.Aggregator.Sink;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests.Aggregator;

/// <summary>What happens when partitions, processes, connections and offsets move.</summary>
public sealed class OwnershipTests(Servers servers)
{
    private static readonly LogPartition At = new(SourceStream.ViewLogs, 0);

    /// <summary>The shortest that Apache Kafka takes by default.</summary>
    private static readonly (string, string) ShortSession = ("Aggregator__SessionTimeout", "00:00:06");

    [Fact]
    public async Task Offsets_set_back_to_the_earliest_change_nothing()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.ProduceAsync(TestRows.Of(seed: 11, rows: 2_000));
        log.Produce(TestRows.Marker(SourceStream.ViewLogs));
        await using (await log.StartAggregatorAsync("before")) await log.CaughtUpAsync();
        var seals = await log.CountAsync("select sum(own_rows) from rollup.seal");
        log.SetGroup(_ => 0);
        await log.StartAggregatorAsync("after");
        await log.GroupCaughtUpAsync();
        await log.AssertEqualToProducedAsync();
        Assert.Equal(seals, await log.CountAsync("select sum(own_rows) from rollup.seal"));
        Assert.Contains("set back", await File.ReadAllTextAsync(log.State.LogFile("after"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Offsets_set_ahead_of_the_rollups_are_refused_with_a_warning()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.ProduceAsync(TestRows.Of(seed: 12, rows: 500));
        log.SetGroup(end => end);
        await log.StartAggregatorAsync();
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
        Assert.Contains("ahead of the rollups", await File.ReadAllTextAsync(log.State.LogFile("aggregator"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_consumers_then_three_then_one_killed_count_each_row_once()
    {
        await using var log = await LogUnderTest.StartAsync(servers, partitions: 6);
        var rows = TestRows.Of(seed: 13, rows: 9_000);
        await log.StartAggregatorAsync("one", environment: ShortSession);
        var two = await log.StartAggregatorAsync("two", environment: ShortSession);
        await log.ProduceAsync(Part(0));
        var three = await log.StartAggregatorAsync("three", environment: ShortSession);
        await log.ProduceAsync(Part(1));
        await log.CaughtUpAsync();
        await log.ProduceAsync(Part(2));
        await two.Process.KillAsync();
        await log.ProduceAsync(Part(2));
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
        Assert.False(three.Process.ExitedUnexpectedly);

        TestRows Part(int third) => new(
            [.. rows.Views.Where(row => row.Id % 3 == third)], [.. rows.Ads.Where(row => row.Id % 3 == third)]);
    }

    [Fact]
    public async Task The_partitions_of_a_killed_aggregator_are_counted_on_by_another_once_its_session_is_over()
    {
        await using var log = await LogUnderTest.StartAsync(servers, partitions: 6);
        var killed = await log.StartAggregatorAsync("killed", environment: ShortSession);
        await log.StartAggregatorAsync("other", environment: ShortSession);
        await LogUnderTest.UntilAsync(
            async () => await log.CountAsync("select count(distinct owner) from rollup.progress") == 2, () => Task.FromResult("the two don't share the partitions"));
        var owned = $"select count(*) from rollup.progress where owner like '%/{killed.Process.Id}'";
        Assert.InRange(await log.CountAsync(owned), 1, 11);
        await killed.Process.KillAsync();
        await log.ProduceAsync(TestRows.Of(seed: 15, rows: 5_000));
        await log.CaughtUpAsync();
        Assert.Equal(0, await log.CountAsync(owned));
        await log.AssertEqualToProducedAsync();
    }

    [Fact]
    public async Task A_process_killed_while_it_counts_loses_and_doubles_nothing()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.ProduceAsync(TestRows.Of(seed: 14, rows: 40_000));
        for (var round = 1; round <= 3; round++)
        {
            var service = await log.StartAggregatorAsync($"round-{round}", ready: true, ShortSession, ("Aggregator__ChunkTime", "00:00:00.010"));
            var reached = await log.CountAsync("select coalesce(sum(next_offset), 0) from rollup.progress");
            await LogUnderTest.UntilAsync(
                async () => await log.CountAsync("select coalesce(sum(next_offset), 0) from rollup.progress") > reached || round == 3,
                () => Task.FromResult("no chunk was committed"));
            await service.Process.KillAsync();
            await log.ProduceAsync(TestRows.Of(seed: 14 + round, rows: 500, firstId: 100_000 * round));
        }
        await log.StartAggregatorAsync("last", environment: ShortSession);
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
    }

    [Fact]
    public async Task Connections_that_break_lose_and_double_nothing()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        var service = await log.StartAggregatorAsync(environment: ("Aggregator__ChunkTime", "00:00:00.010"));
        for (var round = 0; round < 10; round++)
        {
            await log.ProduceAsync(TestRows.Of(seed: 20 + round, rows: 500, firstId: 1 + (1_000 * round)));
            await log.Postgres.ExecuteAsync("""
                select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
                  and application_name = 'settlement-aggregator'
                """, TestContext.Current.CancellationToken);
        }
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
        Assert.False(service.Process.ExitedUnexpectedly);
    }

    [Fact]
    public async Task A_broker_that_is_killed_is_named_and_when_it_is_back_reading_goes_on()
    {
        await using var log = await LogUnderTest.StartAsync(servers, ownBroker: true);
        var service = await log.StartAggregatorAsync();
        await log.ProduceAsync(TestRows.Of(seed: 61, rows: 500));
        await log.CaughtUpAsync();
        await log.Broker.RestartAsync(kill: true, meanwhile: () => LogUnderTest.UntilHealthAsync(service, 503, "\"kafka\""));
        await log.ProduceAsync(TestRows.Of(seed: 62, rows: 500, firstId: 10_000));
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
        await LogUnderTest.UntilHealthAsync(service, 200, "\"kafka\":\"up\"");
        Assert.False(service.Process.ExitedUnexpectedly);
    }

    [Fact]
    public async Task A_chunk_of_an_older_epoch_is_rolled_back()
    {
        await using var postgres = await servers.NewPostgresDatabaseAsync();
        await using var source = Npgsql.NpgsqlDataSource.Create(postgres.ConnectionString);
        var (zombie, heir) = (new RollupStore(source, "zombie", TimeProvider.System), new RollupStore(source, "heir", TimeProvider.System));
        var token = TestContext.Current.CancellationToken;
        await zombie.PrepareAsync(token);
        var old = await OwnAsync(zombie);
        var late = ChunkOf(old);
        var current = await OwnAsync(heir);
        Assert.Equal(CommitOutcome.Fenced, await zombie.CommitAsync(late, token));
        Assert.Equal(0L, await postgres.ScalarAsync("select count(*) from rollup.content_day", token));
        Assert.Equal(0L, await postgres.ScalarAsync("select next_offset from rollup.progress", token));
        Assert.Equal(CommitOutcome.Committed, await heir.CommitAsync(ChunkOf(current), token));
        Assert.Equal(1L, await postgres.ScalarAsync("select views from rollup.content_day", token));
    }

    [Fact]
    public async Task A_former_owner_that_was_halted_within_its_transaction_does_not_hold_its_heir_up()
    {
        await using var postgres = await servers.NewPostgresDatabaseAsync();
        await using var source = Npgsql.NpgsqlDataSource.Create(postgres.ConnectionString);
        var ended = 0L;
        var heir = new RollupStore(source, "heir", TimeProvider.System) { FormerOwnerPatience = TimeSpan.FromMilliseconds(50), SessionsEnded = sessions => ended += sessions };
        var token = TestContext.Current.CancellationToken;
        await heir.PrepareAsync(token);
        var before = await OwnAsync(heir);
        await using var sessions = Npgsql.NpgsqlDataSource.Create(new Npgsql.NpgsqlConnectionStringBuilder(postgres.ConnectionString) { ApplicationName = RollupStore.ApplicationName });
        await using var halted = await sessions.OpenConnectionAsync(token);
        await using var transaction = await halted.BeginTransactionAsync(token);
        await using (var counting = new Npgsql.NpgsqlCommand("update rollup.progress set next_offset = 99", halted)) await counting.ExecuteNonQueryAsync(token);

        var after = await OwnAsync(heir).WaitAsync(LogUnderTest.Patience, token);
        Assert.Equal((before.Epoch + 1, 0L, 1L), (after.Epoch, after.NextByRollups, ended));
        var refused = await Assert.ThrowsAnyAsync<Npgsql.NpgsqlException>(() => transaction.CommitAsync(token));
        Assert.True(StreamSettlement.Hosting.Transient.Postgres(refused), "it wakes up to an outage, not to a bug");
    }

    [Fact]
    public async Task Whoever_else_holds_the_rows_is_waited_for()
    {
        await using var postgres = await servers.NewPostgresDatabaseAsync();
        await using var source = Npgsql.NpgsqlDataSource.Create(postgres.ConnectionString);
        var token = TestContext.Current.CancellationToken;
        var heir = new RollupStore(source, "heir", TimeProvider.System) { FormerOwnerPatience = TimeSpan.FromMilliseconds(10) };
        await heir.PrepareAsync(token);
        await using var maintaining = await source.OpenConnectionAsync(token);
        await using var transaction = await maintaining.BeginTransactionAsync(token);
        await using (var locking = new Npgsql.NpgsqlCommand("lock table rollup.progress in exclusive mode", maintaining)) await locking.ExecuteNonQueryAsync(token);

        var owning = OwnAsync(heir);
        await LogUnderTest.UntilAsync(
            async () => await postgres.ScalarAsync("select count(*) from pg_stat_activity where query like '%pg_terminate_backend%' and pid <> pg_backend_pid()", token) is > 0L,
            () => Task.FromResult("it did not look who is in its way"));
        Assert.False(owning.IsCompleted);
        await transaction.CommitAsync(token);
        Assert.Equal(1, (await owning.WaitAsync(LogUnderTest.Patience, token)).Epoch);
    }

    [Fact]
    public async Task A_commit_whose_answer_was_lost_is_recognised()
    {
        await using var postgres = await servers.NewPostgresDatabaseAsync();
        await using var source = Npgsql.NpgsqlDataSource.Create(postgres.ConnectionString);
        var store = new RollupStore(source, "owner", TimeProvider.System);
        var token = TestContext.Current.CancellationToken;
        await store.PrepareAsync(token);
        var chunk = ChunkOf(await OwnAsync(store));
        Assert.Equal(CommitOutcome.Committed, await store.CommitAsync(chunk, token));
        Assert.Equal(CommitOutcome.CommittedBefore, await store.CommitAsync(chunk, token));
        Assert.Equal(1L, await postgres.ScalarAsync("select views from rollup.content_day", token));
    }

    [Fact]
    public async Task The_next_offset_never_goes_back()
    {
        await using var postgres = await servers.NewPostgresDatabaseAsync();
        await using var source = Npgsql.NpgsqlDataSource.Create(postgres.ConnectionString);
        var store = new RollupStore(source, "owner", TimeProvider.System);
        var token = TestContext.Current.CancellationToken;
        await store.PrepareAsync(token);
        await store.CommitAsync(ChunkOf(await OwnAsync(store), offset: 41), token);
        var again = await store.TakeOverAsync([new AssignedPartition(At, Committed: 5, First: 0, End: 100)], token);
        Assert.Equal(new StartPosition(5, StartKind.ReadAgain), Assert.Single(again).Start);
        await store.CommitAsync(ChunkOf(again[0], offset: 5), token);
        Assert.Equal(42L, await postgres.ScalarAsync("select next_offset from rollup.progress", token));
    }

    [Fact]
    public async Task A_topic_made_anew_is_read_from_its_start_and_counts_only_what_is_new()
    {
        await using var postgres = await servers.NewPostgresDatabaseAsync();
        await using (var before = await LogUnderTest.StartAsync(servers, postgres: postgres))
        {
            await before.ProduceAsync(TestRows.Of(seed: 31, rows: 2_000));
            before.Produce(before.Topics.ViewLogs, 0, null, "bad"u8.ToArray());
            await using var aggregator = await before.StartAggregatorAsync();
            await before.CaughtUpAsync();
        }
        await using var after = await LogUnderTest.StartAsync(servers, postgres: postgres);
        after.Produce(after.Topics.ViewLogs, 0, null, "bad"u8.ToArray());
        await after.ProduceAsync(TestRows.Of(seed: 31, rows: 2_000) with { Ads = [] });
        await after.ProduceAsync(new TestRows(TestRows.Of(seed: 32, rows: 100, firstId: 500_000).Views, []));
        await after.StartAggregatorAsync();
        await after.GroupCaughtUpAsync();
        await after.AssertEqualToProducedAsync();
        Assert.Equal(2, await after.CountAsync("select max(incarnation) from rollup.progress where stream = 'ad-views'"));
    }

    private static async Task<OwnedPartition> OwnAsync(RollupStore store) => Assert.Single(
        await store.TakeOverAsync([new AssignedPartition(At, null, 0, 100)], TestContext.Current.CancellationToken));

    private static Chunk ChunkOf(OwnedPartition owned, long offset = 0)
    {
        var claims = new ClaimCache(1 << 20);
        var builder = new ChunkBuilder(claims, ChunkLimits.Default);
        var fact = new Fact(1 + offset, 1, TestRows.Day, new ContentId(7), new CreatorId(5), default, 60, TestRows.Cutoff);
        claims.Load(ClaimKey.Of(At, fact), new ClaimBlock());
        builder.Add(owned, offset, Verdict.Of(fact), new Eligibility([new EligibilityRule(1, 0, BusinessDay.Of(1, 1, 1))]), new RawRecord());
        return builder.Finish();
    }
}
