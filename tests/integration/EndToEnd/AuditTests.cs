using System.Net.Http.Json;
using System.Text.Json;
using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.IntegrationTests.Aggregator;
using StreamSettlement.IntegrationTests.Ingest;

namespace StreamSettlement.IntegrationTests.EndToEnd;

/// <summary>What reaches a day after it was paid: found by the audit, and paid without anybody asking.</summary>
public sealed class AuditTests(Servers servers)
{
    private static readonly BusinessDay Day = SourceSql.Day;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_row_that_commits_behind_the_cursor_after_the_close_is_found_by_the_audit_and_paid_as_an_adjustment()
    {
        // Ingest that sees no open transactions and trusts a safety lag that is too short.
        await using var stack = await StartAsync(blind: true);
        await using var late = await stack.Source.OpenAsync(Token);
        await ExecuteAsync(late, $"start transaction; {SourceSql.ViewsSql(1, contents: 3)}");
        await stack.Source.AddViewsAsync(10, contents: 3);
        await EndAsync(stack);
        await PaidAsync(stack, views: 10);

        await ExecuteAsync(late, "commit");
        await PaidAsync(stack, views: 11);
        await new SourceTruth(stack).AssertEqualAsync([Day]);
        Assert.True(await NumberAsync(stack, "select count(*) from settlement.day_event where type = 'RepairAsked'") >= 1);
    }

    [Fact]
    public async Task A_view_that_is_completed_after_the_close_is_paid_at_the_next_audit_without_a_repair()
    {
        await using var stack = await StartAsync(blind: false);
        await stack.Source.AddViewsAsync(10, contents: 3);
        await stack.Source.AddViewsAsync(5, contents: 3, status: "IN_PROGRESS");
        await EndAsync(stack);
        await PaidAsync(stack, views: 10);

        await stack.Source.ExecuteAsync("update daily_member_view_log set status = 'COMPLETED'", Token);
        await PaidAsync(stack, views: 15);
        await new SourceTruth(stack).AssertEqualAsync([Day]);
        // Every audit since then has found books and rollups equal: no entry came of it.
        var attempt = await NumberAsync(stack, "select attempt from settlement.day_state");
        await LogUnderTest.UntilAsync(
            async () => await NumberAsync(stack, "select attempt from settlement.day_state") > attempt, () => Task.FromResult("no further audit"));
        Assert.Equal(2, await NumberAsync(stack, "select count(*) from settlement.entry"));
    }

    [Fact]
    public async Task A_row_that_vanishes_from_the_rollups_of_a_posted_day_is_found_by_the_audit_and_counted_again()
    {
        await using var stack = await StartAsync(blind: false);
        await stack.Source.AddViewsAsync(10, contents: 1);
        await EndAsync(stack);
        await PaidAsync(stack, views: 10);

        // Rows 1 to 4, as if they had never been counted; the aggregator that remembers them is gone.
        await stack.Aggregator!.Process.KillAsync();
        await stack.Aggregator.DisposeAsync();
        stack.Aggregator = null;
        var lost = await stack.Source.NumberAsync("select sum(watch_seconds) from daily_member_view_log where id <= 4");
        await stack.Postgres.ExecuteAsync($"""
            update rollup.claim set ids = substring(ids from 9) where stream = 'view-logs';
            update rollup.content_day set views = views - 4, watch_seconds = watch_seconds - {lost};
            update rollup.partition_day set rows = rows - 4, id_sum = id_sum - 10, watch_seconds = watch_seconds - {lost} where stream = 'view-logs';
            """, Token);
        await stack.StartServicesAsync();
        await LogUnderTest.UntilAsync(
            async () => await NumberAsync(stack, "select sum(views) from rollup.content_daily") == 10, () => Task.FromResult("not counted again"));
        await PaidAsync(stack, views: 10);
        await new SourceTruth(stack).AssertEqualAsync([Day]);
    }

    private async Task<Stack> StartAsync(bool blind)
    {
        var environment = new Dictionary<string, string>
        {
            ["Ingest__SafetyLag"] = "00:00:00",
            ["Ingest__EndOfDaySchedule"] = "false",
            ["Ingest__AuditEvery"] = "00:00:02",
        };
        var stack = await Stack.StartAsync(servers, environment, services: false);
        if (blind) (environment["Ingest__MySql"], environment["Ingest__TrustSafetyLag"]) = (await LookQueriesTests.WithoutProcessAsync(stack.Source), "true");
        await stack.Source.AddContentsAsync(3);
        await stack.StartServicesAsync();
        return stack;
    }

    private static async Task EndAsync(Stack stack)
    {
        using var response = await stack.Api.PostAsync($"/days/{Day}/end", null, Token);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(Token));
    }

    private static Task PaidAsync(Stack stack, long views) => LogUnderTest.UntilAsync(
        async () => await NumberAsync(stack, "select coalesce(sum(units), 0) from settlement.payout") == views,
        async () => $"not paid: {(await stack.Api.GetFromJsonAsync<JsonElement>($"/days/{Day}", Token)).GetRawText()}; logs: {stack.State.LogDirectory}");

    private static async Task<long> NumberAsync(Stack stack, string sql) =>
        await stack.Postgres.ScalarAsync("select to_regclass('settlement.payout')::text", Token) is string
            ? Convert.ToInt64(await stack.Postgres.ScalarAsync(sql, Token) ?? 0L, System.Globalization.CultureInfo.InvariantCulture)
            : 0;

    private static async Task ExecuteAsync(MySqlConnection connection, string sql)
    {
        await using var command = new MySqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Token);
    }
}
