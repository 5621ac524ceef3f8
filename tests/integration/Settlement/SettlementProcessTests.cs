using StreamSettlement.Contracts;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests.Settlement;

/// <summary>How the process starts, refuses to start, and talks to the broker.</summary>
public sealed class SettlementProcessTests(Servers servers)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Settlement__KafkaBootstrap", "nowhere", "Settlement:KafkaBootstrap is 'nowhere': expected host:port")]
    [InlineData("Settlement__Postgres", "", "Settlement:Postgres is missing: expected an Npgsql connection string")]
    [InlineData("Settlement__Interval", "soon", "Settlement:Interval")]
    [InlineData("Settlement__Intervall", "00:00:01", "Intervall")]
    public async Task Configuration_that_can_not_be_used_is_refused_by_key_and_nothing_is_touched(string key, string value, string expected)
    {
        await using var database = await servers.NewPostgresDatabaseAsync();
        await using var process = Start(database, new Dictionary<string, string> { [key] = value });
        Assert.Equal(2, await process.Exited.WaitAsync(Token));
        Assert.Contains(expected, process.LogTail(), StringComparison.Ordinal);
        Assert.Null(await database.ScalarAsync("select to_regnamespace('settlement')::text", Token));
    }

    [Fact]
    public async Task A_schema_newer_than_the_program_is_refused()
    {
        await using var database = await servers.NewPostgresDatabaseAsync();
        await database.ExecuteAsync("""
            create schema settlement;
            create table settlement.schema_version (version int primary key, file text not null, applied_at timestamptz not null default now());
            insert into settlement.schema_version values (999, '999_tomorrow.sql')
            """, Token);
        await using var process = Start(database, new Dictionary<string, string>());
        Assert.Equal(1, await process.Exited.WaitAsync(Token));
        Assert.Contains("schema 'settlement' has version 999", process.LogTail(40), StringComparison.Ordinal);
        Assert.Equal(1L, await database.ScalarAsync("select count(*) from pg_class where relnamespace = 'settlement'::regnamespace and relkind = 'r'", Token));
    }

    [Fact]
    public async Task A_day_out_of_balance_is_repaired_through_the_commands_topic_three_times_at_most()
    {
        const string day = "2026-11-20";
        await using var settlement = new SettlementProcess(servers);
        await settlement.InitializeAsync();
        var rollups = new Rollups(settlement.Stack.Postgres);
        await rollups.ViewsAsync(day, 1, 10, 5);
        for (var attempt = 1; attempt <= Limits.RepairAttemptsMax; attempt++)
        {
            await rollups.SealAsync(day, attempt, missingRows: 1);
            var asked = attempt;
            await settlement.UntilAsync(day, shown => shown.GetProperty("repairs").GetInt32() == asked);
        }
        await rollups.SealAsync(day, Limits.RepairAttemptsMax + 1, missingRows: 1);
        await settlement.UntilAsync(day, shown => shown.GetProperty("status").GetString() == "OutOfBalance");

        var commands = settlement.Commands();
        Assert.Equal(Limits.RepairAttemptsMax, commands.Count);
        Assert.All(commands, command => Assert.Equal((CommandKind.RepairDay, day, "settlement"), (command.Kind, command.Day.ToString(), command.By)));
        Assert.Contains("settlement_out_of_balance_total 1", await settlement.Http.GetStringAsync("/metrics", Token), StringComparison.Ordinal);

        await rollups.ViewsAsync(day, 1, 10, 1);
        await rollups.SealAsync(day, Limits.RepairAttemptsMax + 2);
        await settlement.PostedAsync(day);
    }

    [Fact]
    public async Task Days_are_posted_and_readiness_tells_while_the_broker_is_gone_and_after_every_connection_was_cut()
    {
        const string day = "2026-11-20";
        await using var settlement = new SettlementProcess(servers) { OwnBroker = true };
        await settlement.InitializeAsync();
        var (stack, rollups) = (settlement.Stack, new Rollups(settlement.Stack.Postgres));

        await stack.Broker.RestartAsync(kill: true, meanwhile: async () =>
        {
            await settlement.UntilReadyAsync(ready => ready.GetProperty("dependencies").GetProperty("kafka").GetString() != "up");
            await stack.Postgres.ExecuteAsync(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()", Token);
            await rollups.ViewsAsync(day, 1, 10, 5);
            await rollups.SealAsync(day);
            await settlement.PostedAsync(day);
        });
        await settlement.UntilReadyAsync(ready => ready.GetProperty("status").GetString() == "ready");
    }

    [Fact]
    public async Task The_rehearsal_at_the_start_leaves_nothing_in_the_books()
    {
        await using var books = await Books.CreateAsync(servers);
        Assert.True(await books.Loop.RehearseAsync(Token));
        foreach (var table in new[] { "run", "entry", "posting", "payout_line", "day_event", "day_state", "settled_day" })
            Assert.Equal(0, await books.CountAsync(table));
        await books.ViewsAsync("2026-11-20", 1, 10, 5);
        await books.CloseAsync("2026-11-20");
        Assert.Equal(["2026-11-20 1 10 view 5 5000000"], await books.PayoutsAsync());
    }

    private ChildProcess Start(PostgresDatabase database, Dictionary<string, string> changed)
    {
        var environment = new Dictionary<string, string>
        {
            ["Settlement__KafkaBootstrap"] = "127.0.0.1:1",
            ["Settlement__Postgres"] = database.ConnectionString,
            ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
        };
        foreach (var (key, value) in changed) environment[key] = value;
        return ChildProcess.Start(
            DotnetCommand.Of("settlement", Repository.Program("services/settlement", "Settlement"), [], environment), servers.NewStateDirectory(), TimeProvider.System);
    }
}
