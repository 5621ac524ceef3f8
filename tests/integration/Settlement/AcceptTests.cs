using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.IntegrationTests.Cli;

namespace StreamSettlement.IntegrationTests.Settlement;

/// <summary>A difference that repairs did not help, and somebody who takes it on himself.</summary>
public sealed class AcceptTests(SettlementProcess settlement) : IClassFixture<SettlementProcess>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Key => ServiceProcess.SigningKey(settlement.Stack.State);

    private Rollups Rollups => new(settlement.Stack.Postgres);

    [Fact]
    public async Task An_accepted_difference_is_posted_in_the_name_of_the_token_and_stands_in_journal_and_manifest()
    {
        const string day = "2026-10-01";
        await OutOfBalanceAsync(day);
        var (status, body) = await AcceptAsync(day, OperatorToken.Mint(Key, "alice", Now), new { reason = "the row was a test of the platform", attempt = 4 });
        Assert.True(status == HttpStatusCode.Accepted, body.GetRawText());
        await settlement.PostedAsync(day);

        var shown = await settlement.Http.GetFromJsonAsync<JsonElement>($"/days/{day}", Token);
        var accepted = shown.GetProperty("accepted");
        Assert.Equal(("alice", "the row was a test of the platform", 4), (Text(accepted, "by"), Text(accepted, "reason"), accepted.GetProperty("attempt").GetInt32()));
        Assert.StartsWith("view-logs: source 6 rows", Text(accepted, "difference"), StringComparison.Ordinal);
        Assert.Equal(5, shown.GetProperty("payouts")[0].GetProperty("units").GetInt64());
        Assert.Contains("DayAccepted", shown.GetProperty("journal").EnumerateArray().Select(entry => Text(entry, "type")));
        Assert.Equal("alice", Text(shown.GetProperty("runs")[0].GetProperty("manifest").GetProperty("accepted"), "by"));

        // An audit that finds the very same needs nobody; one that finds another difference does.
        await Rollups.SealAsync(day, attempt: 5, missingRows: 1);
        await settlement.UntilAsync(day, seen => seen.GetProperty("journal").EnumerateArray().Count(entry => Text(entry, "type") == "DayBalanced") == 2);
        await Rollups.SealAsync(day, attempt: 6, missingRows: 2);
        await settlement.UntilAsync(day, seen => seen.GetProperty("repairs").GetInt32() == 1);
        Assert.Equal(JsonValueKind.Null, (await settlement.Http.GetFromJsonAsync<JsonElement>($"/days/{day}", Token)).GetProperty("accepted").ValueKind);
    }

    [Fact]
    public async Task The_command_accepts_in_the_name_of_its_token_and_waits_until_the_day_is_posted()
    {
        const string day = "2026-10-04";
        await OutOfBalanceAsync(day);
        var environment = new Dictionary<string, string>
        {
            ["SETTLEMENT_API"] = settlement.Http.BaseAddress!.ToString(), ["SETTLEMENT_TOKEN"] = OperatorToken.Mint(Key, "bob", Now),
        };
        await using var command = CommandProcess.Start(settlement.Stack.State.Root, ["accept", day, "--reason", "agreed with the platform"], environment);
        Assert.True(await command.ExitAsync() == 0, command.Output);
        Assert.Contains("source 6 rows", command.Output, StringComparison.Ordinal);
        Assert.EndsWith($"{day}: Posted", command.Output.TrimEnd(), StringComparison.Ordinal);
        Assert.Equal("bob", await settlement.Stack.Postgres.ScalarAsync($"select accepted_by from settlement.acceptance where log_date = '{day}'", Token));
    }

    [Fact]
    public async Task Without_a_token_that_names_somebody_nothing_is_accepted()
    {
        const string day = "2026-10-02";
        await OutOfBalanceAsync(day);
        var reason = new { reason = "because" };
        await RefusedAsync(day, null, reason, 401, "SETTLEMENT_TOKEN");
        await RefusedAsync(day, "nonsense", reason, 401, "refused");
        await RefusedAsync(day, OperatorToken.Mint("another key of thirty-two bytes.", "mallory", Now), reason, 401, "refused");
        await RefusedAsync(day, OperatorToken.Mint(Key, "mallory", Now - TimeSpan.FromDays(2)), reason, 401, "expired");
        await RefusedAsync(day, OperatorToken.Mint(Key, null, Now), reason, 403, "'name' or 'sub'");
        Assert.Equal(0L, await settlement.Stack.Postgres.ScalarAsync($"select count(*) from settlement.acceptance where log_date = '{day}'", Token));
    }

    [Fact]
    public async Task What_there_is_nothing_to_accept_about_is_refused()
    {
        const string day = "2026-10-03";
        await OutOfBalanceAsync(day);
        var token = OperatorToken.Mint(Key, "alice", Now);
        await RefusedAsync(day, token, new { reason = " " }, 400, "reason is");
        await RefusedAsync(day, token, new { reason = "a\0b" }, 400, "control character");
        await RefusedAsync("yesterday", token, new { reason = "because" }, 400, "date is 'yesterday'");
        await RefusedAsync(day, token, new { reason = "because", attempt = 3 }, 409, "at attempt 4 by now");
        await RefusedAsync("2026-11-16", token, new { reason = "because" }, 409, "posted at attempt 1");
        await RefusedAsync("2026-10-30", token, new { reason = "because" }, 409, "no marker of the day");
    }

    [Fact]
    public async Task A_service_without_authentication_says_which_setting_is_missing()
    {
        var settings = settlement.Stack.Settings with { Environment = new Dictionary<string, string> { ["Settlement__Auth__SigningKey"] = "" } };
        await using var open = ServiceProcess.Settlement(settings, settlement.Stack.State, TimeProvider.System, name: "without-auth");
        await open.WaitUntilReadyAsync(Token);
        using var http = new HttpClient { BaseAddress = open.Address };
        using var response = await SendAsync(http, "2026-11-16", OperatorToken.Mint(Key, "alice", Now), new { reason = "because" });
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Contains("Settlement:Auth:Authority", await response.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
    }

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    private async Task OutOfBalanceAsync(string day)
    {
        await Rollups.ViewsAsync(day, content: 77, creator: 10, views: 5);
        for (var attempt = 1; attempt <= Limits.RepairAttemptsMax; attempt++)
        {
            await Rollups.SealAsync(day, attempt, missingRows: 1);
            var asked = attempt;
            await settlement.UntilAsync(day, shown => shown.GetProperty("repairs").GetInt32() == asked);
        }
        await Rollups.SealAsync(day, Limits.RepairAttemptsMax + 1, missingRows: 1);
        await settlement.UntilAsync(day, shown => Text(shown, "status") == "OutOfBalance");
    }

    private async Task RefusedAsync(string day, string? token, object body, int status, string says)
    {
        var (answered, problem) = await AcceptAsync(day, token, body);
        Assert.Equal(status, (int)answered);
        Assert.Contains(says, Text(problem, "detail"), StringComparison.Ordinal);
    }

    private async Task<(HttpStatusCode Status, JsonElement Body)> AcceptAsync(string day, string? token, object body)
    {
        using var response = await SendAsync(settlement.Http, day, token, body);
        return (response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>(Token));
    }

    private static async Task<HttpResponseMessage> SendAsync(HttpClient http, string day, string? token, object body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/days/{day}/accept") { Content = JsonContent.Create(body) };
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await http.SendAsync(request, Token);
    }

    private static string? Text(JsonElement element, string property) => element.GetProperty(property).GetString();
}
