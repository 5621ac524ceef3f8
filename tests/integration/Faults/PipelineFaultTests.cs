using System.Text.Json;
using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;
using StreamSettlement.Ingest;
using StreamSettlement.IntegrationTests.Aggregator;
using StreamSettlement.IntegrationTests.EndToEnd;
using StreamSettlement.IntegrationTests.Ingest;

namespace StreamSettlement.IntegrationTests.Faults;

/// <summary>What no single service can notice: found by the control totals, mended by a repair, paid like everything else.</summary>
public sealed class PipelineFaultTests(Servers servers)
{
    private static readonly BusinessDay Day = SourceSql.Day;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_row_commits_behind_the_cursor_before_the_totals_are_read()
    {
        var environment = Blind();
        await using var stack = await StartAsync(environment);
        await using var late = await OpenTransactionAsync(stack);
        await CountedAsync(stack, () => stack.Source.AddViewsAsync(10, contents: 3), views: 10);
        await ExecuteAsync(late, "commit");

        await EndAsync(stack);
        await PostedAsync(stack, attempt: 2);
        await new SourceTruth(stack).AssertEqualAsync([Day]);
    }

    [Fact]
    public async Task Completed_rows_are_touched_between_the_cutoff_and_the_totals()
    {
        await using var stack = await StartAsync(Blind(), ingest: false);
        var touched = 0;
        var points = new IngestPoints
        {
            BeforeTotals = async _ =>
            {
                if (touched++ == 0) await TouchAsync(stack, "id <= 4");
            },
        };
        var options = new IngestOptions
        {
            KafkaBootstrap = stack.Broker.Bootstrap, TopicPrefix = stack.TopicPrefix, MySql = stack.Source.IngestConnectionString, SafetyLag = TimeSpan.Zero,
            EndOfDaySchedule = false,
        };
        await using var ingest = IngestRun.Start(options, points);
        await ingest.BecameAsync("active");
        await CountedAsync(stack, () => stack.Source.AddViewsAsync(10, contents: 3), views: 10);

        // Counted before the marker, but no longer below its horizon: the totals miss them, the next attempt's do not.
        await EndAsync(stack);
        await PostedAsync(stack, attempt: 2);
        await new SourceTruth(stack).AssertEqualAsync([Day]);
    }

    [Fact]
    public async Task Completed_rows_of_a_posted_day_are_touched_and_the_day_is_repaired()
    {
        await using var stack = await StartAsync(new Dictionary<string, string> { ["Ingest__SafetyLag"] = "00:00:00", ["Ingest__EndOfDaySchedule"] = "false" });
        await CountedAsync(stack, () => stack.Source.AddViewsAsync(10, contents: 3), views: 10);
        await EndAsync(stack);
        await PostedAsync(stack, attempt: 1);
        var entries = await NumberAsync(stack, "select count(*) from settlement.entry");
        var read = await NumberAsync(stack, "select sum(next_offset) from rollup.progress where stream = 'view-logs'");

        await TouchAsync(stack, "true");
        await LogUnderTest.UntilAsync(
            async () => await NumberAsync(stack, "select sum(next_offset) from rollup.progress where stream = 'view-logs'") >= read + 10,
            () => Task.FromResult("the touched rows were not read again"));
        using (var producer = new ControlProducer(stack.Broker.Bootstrap, stack.Topics, "test", TimeProvider.System))
            await producer.SendAsync(new ControlCommand(CommandKind.RepairDay, Day, "test"), Token);
        await PostedAsync(stack, attempt: 2);

        Assert.Equal(entries, await NumberAsync(stack, "select count(*) from settlement.entry"));
        Assert.Equal(0, await NumberAsync(stack, "select sum(late_views) from rollup.content_day"));
        await new SourceTruth(stack).AssertEqualAsync([Day]);
    }

    /// <summary>Ingest that sees no open transactions and trusts a safety lag that is too short.</summary>
    private static Dictionary<string, string> Blind() => new()
    {
        ["Ingest__SafetyLag"] = "00:00:00", ["Ingest__EndOfDaySchedule"] = "false", ["Ingest__TrustSafetyLag"] = "true",
    };

    private async Task<Stack> StartAsync(Dictionary<string, string> environment, bool ingest = true)
    {
        var stack = await Stack.StartAsync(servers, environment, services: false);
        if (environment.ContainsKey("Ingest__TrustSafetyLag")) environment["Ingest__MySql"] = await LookQueriesTests.WithoutProcessAsync(stack.Source);
        await stack.Source.AddContentsAsync(3);
        await stack.StartServicesAsync();
        if (ingest) return stack;
        await stack.Ingest!.DisposeAsync();
        stack.Ingest = null;
        return stack;
    }

    /// <returns>A connection whose transaction holds a row of the day.</returns>
    private static async Task<MySqlConnection> OpenTransactionAsync(Stack stack)
    {
        var connection = await stack.Source.OpenAsync(Token);
        await ExecuteAsync(connection, $"start transaction; {SourceSql.ViewsSql(1, contents: 3)}");
        return connection;
    }

    /// <summary>As a platform does that corrects a position: no fact changes, but updated_at does.</summary>
    private static Task<int> TouchAsync(Stack stack, string which) => stack.Source.ExecuteAsync(
        $"update daily_member_view_log set last_position_seconds = last_position_seconds + 1 where {which}", Token);

    private static async Task CountedAsync(Stack stack, Func<Task> write, long views)
    {
        await write();
        await LogUnderTest.UntilAsync(
            async () => await NumberAsync(stack, "select coalesce(sum(views), 0) from rollup.content_daily") == views, () => Task.FromResult("the rows were not counted"));
    }

    private static async Task EndAsync(Stack stack)
    {
        using var response = await stack.Api.PostAsync($"/days/{Day}/end", null, Token);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(Token));
    }

    private static Task PostedAsync(Stack stack, int attempt)
    {
        var last = "";
        return LogUnderTest.UntilAsync(
            async () =>
            {
                using var response = await stack.Api.GetAsync($"/days/{Day}", Token);
                last = await response.Content.ReadAsStringAsync(Token);
                if (!response.IsSuccessStatusCode) return false;
                var status = JsonDocument.Parse(last).RootElement.GetProperty("status").GetString();
                return status == "Posted" && await NumberAsync(stack, $"select attempt from settlement.day_state where log_date = '{Day}'") == attempt;
            },
            () => Task.FromResult($"not posted at attempt {attempt}: {last}; logs: {stack.State.LogDirectory}"));
    }

    private static async Task<long> NumberAsync(Stack stack, string sql) =>
        Convert.ToInt64(await stack.Postgres.ScalarAsync(sql, Token) ?? 0L, System.Globalization.CultureInfo.InvariantCulture);

    private static async Task ExecuteAsync(MySqlConnection connection, string sql)
    {
        await using var command = new MySqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Token);
    }
}
