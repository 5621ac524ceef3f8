using Npgsql;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Aggregator.Sink;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Contracts;
using StreamSettlement.IntegrationTests.Aggregator;

namespace StreamSettlement.IntegrationTests.Faults;

/// <summary>The aggregator, ended or disturbed at exact points of a chunk's way, over a real broker and a real PostgreSQL.</summary>
public sealed class AggregatorFaultTests(Servers servers)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Killed_between_the_commit_in_PostgreSQL_and_the_one_in_Kafka()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.ProduceAsync(TestRows.Of(seed: 101, rows: 1_000));
        await using (AggregatorRun.Start(log)) await log.GroupCaughtUpAsync();
        await log.ProduceAsync(TestRows.Of(seed: 102, rows: 1_000, firstId: 5_000));
        await using (var killed = AggregatorRun.Start(log, new Points { BeforeKafkaCommit = () => throw new KilledException() })) await killed.DiedAsync();

        Assert.True(log.GroupOffsets() < await log.CountAsync("select sum(next_offset) from rollup.progress"), "PostgreSQL has committed, Kafka has not");
        await using var next = AggregatorRun.Start(log);
        await log.GroupCaughtUpAsync();
        await log.AssertEqualToProducedAsync();
    }

    [Fact]
    public async Task Killed_after_the_dead_letters_were_flushed_and_before_the_commit()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        log.Produce(Bad(1));
        await log.ProduceAsync(TestRows.Of(seed: 103, rows: 300, firstId: 100));
        await using (var killed = AggregatorRun.Start(log, new Points { BeforeCommit = chunk => chunk.DeadLetters.Count > 0 ? throw new KilledException() : Task.CompletedTask }))
            await killed.DiedAsync();
        Assert.Single(log.Read(log.Topics.ViewLogsDeadLetters));
        Assert.Equal(0, await log.CountAsync("select count(*) from rollup.dead_letter"));

        await using var next = AggregatorRun.Start(log);
        await log.CaughtUpAsync();
        // Flushed again, for nobody knew: twice in the topic, where it is read by people, once in the table, where it blocks the day.
        Assert.Equal(2, log.Read(log.Topics.ViewLogsDeadLetters).Count);
        Assert.Equal(1, await log.CountAsync("select count(*) from rollup.dead_letter where state = 'open'"));
        await log.AssertEqualToProducedAsync();
    }

    [Fact]
    public async Task Killed_while_the_dead_letters_are_flushed()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        log.Produce(Bad(1));
        await using (var killed = AggregatorRun.Start(log, new Points { BeforeDeadLetters = _ => throw new KilledException() })) await killed.DiedAsync();
        // The other order would leave a table that says the letter is in the topic, and an offset that never reads it again.
        Assert.Equal(0, await log.CountAsync("select count(*) from rollup.dead_letter"));
        Assert.Equal(0, await log.CountAsync("select sum(next_offset) from rollup.progress"));

        await using var next = AggregatorRun.Start(log);
        await log.CaughtUpAsync();
        Assert.Single(log.Read(log.Topics.ViewLogsDeadLetters));
        Assert.Equal(1, await log.CountAsync("select count(*) from rollup.dead_letter where state = 'open'"));
    }

    [Fact]
    public async Task The_answer_of_a_commit_is_lost()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        var lost = 0;
        var points = new Points
        {
            AfterCommit = (_, _) => ++lost == 1 ? throw new NpgsqlException("the answer was lost", new IOException()) : Task.CompletedTask,
        };
        await log.ProduceAsync(TestRows.Of(seed: 104, rows: 1_000));
        await using (AggregatorRun.Start(log, points)) await log.GroupCaughtUpAsync();
        Assert.Equal([CommitOutcome.Committed, CommitOutcome.CommittedBefore], points.Outcomes.Take(2));
        await log.AssertEqualToProducedAsync();
    }

    [Fact]
    public async Task A_zombie_commits_after_its_partitions_went_to_an_heir()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await using var postgres = NpgsqlDataSource.Create(log.Postgres.ConnectionString);
        var heir = new RollupStore(postgres, "heir", TimeProvider.System);
        var (commits, written) = (0, -1L);
        var points = new Points
        {
            BeforeCommit = async chunk =>
            {
                if (++commits > 1) return;
                await heir.TakeOverAsync([.. chunk.Moves.Select(move => new AssignedPartition(move.At, null, 0, move.NextOffset))], Token);
            },
            AfterCommit = async (_, outcome) =>
            {
                if (outcome == CommitOutcome.Fenced) written = await log.CountAsync("select count(*) from rollup.content_day");
            },
        };
        await log.ProduceAsync(TestRows.Of(seed: 105, rows: 1_000));
        await using var zombie = AggregatorRun.Start(log, points);
        await zombie.OwnsAsync();
        await log.CaughtUpAsync();
        Assert.Equal(CommitOutcome.Fenced, points.Outcomes.First());
        Assert.Equal(0, written);
        // It joined anew, took its partitions back by the group's rules and counted everything once.
        await log.AssertEqualToProducedAsync();
    }

    [Fact]
    public async Task A_third_aggregator_joins_under_load_and_leaves()
    {
        await using var log = await LogUnderTest.StartAsync(servers, partitions: 6);
        await using var one = AggregatorRun.Start(log);
        await using var two = AggregatorRun.Start(log);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var load = LoadAsync(log, enough.Token);
        await Task.WhenAll(one.OwnsAsync(), two.OwnsAsync());
        await using (var three = AggregatorRun.Start(log))
        {
            await three.OwnsAsync();
            await CountsAsync(three);
        }
        var before = one.Points.Outcomes.Count + two.Points.Outcomes.Count;
        await LogUnderTest.UntilAsync(() => Task.FromResult(one.Points.Outcomes.Count + two.Points.Outcomes.Count > before), () => Task.FromResult("the others did not go on"));
        await enough.CancelAsync();
        await load;
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
    }

    [Fact]
    public async Task Offsets_set_back_to_a_timestamp_change_nothing()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await log.ProduceAsync(TestRows.Of(seed: 106, rows: 1_000));
        var between = TimeProvider.System.GetUtcNow();
        await LogUnderTest.UntilAsync(() => Task.FromResult(TimeProvider.System.GetUtcNow() >= between.AddMilliseconds(2)), () => Task.FromResult("the clock stands"));
        await log.ProduceAsync(TestRows.Of(seed: 107, rows: 1_000, firstId: 5_000));
        await using (AggregatorRun.Start(log)) await log.GroupCaughtUpAsync();
        var end = log.GroupOffsets();
        log.SetGroupTo(between.AddMilliseconds(1));
        Assert.InRange(log.GroupOffsets(), 1_000, end - 1_000);
        await using var again = AggregatorRun.Start(log);
        await log.GroupCaughtUpAsync();
        await log.AssertEqualToProducedAsync();
    }

    [Fact]
    public async Task One_content_has_nine_tenths_of_the_rows()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await using var one = AggregatorRun.Start(log);
        await using var two = AggregatorRun.Start(log);
        await Task.WhenAll(one.OwnsAsync(), two.OwnsAsync());
        await log.ProduceAsync(new TestRows([.. Enumerable.Range(1, 20_000).Select(id => TestRows.View(id, content: id % 10 == 0 ? 10 + (id % 500) : 7))], []));
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
        Assert.Equal(18_000, await log.CountAsync("select views from rollup.content_daily where content_id = 7"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task The_services_clock_is_an_hour_off(int hours)
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await using var run = AggregatorRun.Start(log, time: new WrongClock(TimeSpan.FromHours(hours)));
        await run.OwnsAsync();
        await log.ProduceAsync(TestRows.Of(seed: 108, rows: 500));
        var seoul = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(9));
        await log.ProduceAsync(new TestRows([TestRows.View(9_000, day: new BusinessDay(seoul))], []));
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
        Assert.Equal(0, await log.CountAsync("select count(*) from rollup.dead_letter"));
    }

    private static Contracts.V1.ViewLog Bad(long id)
    {
        var row = TestRows.View(id);
        row.CreatorId = 0;
        return row;
    }

    private static Task CountsAsync(AggregatorRun run) =>
        LogUnderTest.UntilAsync(() => Task.FromResult(!run.Points.Outcomes.IsEmpty), () => Task.FromResult("it committed nothing"));

    /// <summary>Rows without end, until it is enough.</summary>
    private static async Task LoadAsync(LogUnderTest log, CancellationToken enough)
    {
        for (var batch = 0; !enough.IsCancellationRequested; batch++) await log.ProduceAsync(TestRows.Of(seed: 200 + batch, rows: 300, firstId: 1 + (1_000L * batch)));
    }
}
