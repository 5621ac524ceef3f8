using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using StreamSettlement.Contracts;

namespace StreamSettlement.IntegrationTests.Settlement;

public sealed class SettlementApiTests(SettlementProcess settlement) : IClassFixture<SettlementProcess>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_posted_day_shows_both_sides_of_its_balance_its_payouts_and_its_journal()
    {
        var day = await GetAsync("/days/2026-11-16");
        Assert.Equal(("Posted", "AlreadyPosted"), (Text(day, "status"), Text(day, "refusal")));
        var views = day.GetProperty("streams").EnumerateArray().Single(stream => Text(stream, "stream") == "view-logs");
        Assert.True(views.GetProperty("balanced").GetBoolean());
        Assert.Equal(views.GetProperty("source").ToString(), views.GetProperty("rollups").ToString());
        var payout = day.GetProperty("payouts").EnumerateArray().Single(row => Text(row, "kind") == "view");
        Assert.Equal("605050000000", Text(payout, "amountMicros"));
        Assert.Equal(["DaySealed", "DayBalanced", "DayPosted"], day.GetProperty("journal").EnumerateArray().Select(entry => Text(entry, "type")));
    }

    [Fact]
    public async Task Days_are_listed_newest_first()
    {
        var days = (await GetAsync("/days?from=2026-11-16&to=2026-11-17")).EnumerateArray().ToList();
        Assert.Equal(["2026-11-17", "2026-11-16"], days.Select(day => Text(day, "day")));
    }

    [Theory]
    [InlineData("day", 2, "2026-11-16")]
    [InlineData("week", 1, "2026-W47")]
    [InlineData("month", 1, "2026-11")]
    [InlineData("year", 1, "2026")]
    public async Task Statistics_of_every_period_hold_the_same_views(string period, int periods, string first)
    {
        var stats = (await GetAsync($"/contents/1/stats?period={period}")).GetProperty("periods").EnumerateArray().ToList();
        Assert.Equal(periods, stats.Count);
        Assert.Equal(first, Text(stats[0], "period"));
        Assert.Equal(550_001, stats.Sum(row => row.GetProperty("views").GetInt64()));
        Assert.Equal(605_001_300_000L, stats.Sum(row => long.Parse(Text(row, "viewMicros")!, CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task A_range_leaves_out_what_lies_outside()
    {
        var stats = await GetAsync("/contents/1/stats?from=2026-11-17&to=2026-11-17");
        Assert.Equal(1, Assert.Single(stats.GetProperty("periods").EnumerateArray()).GetProperty("views").GetInt64());
        Assert.Empty((await GetAsync("/contents/1/stats?from=2026-12-01")).GetProperty("periods").EnumerateArray());
    }

    [Theory]
    [InlineData("view", "content", "1", "550000")]
    [InlineData("watch", "content", "1", "3850000")]
    [InlineData("ad", "content", "2", "3")]
    [InlineData("payout", "content", "1", "605000000000")]
    [InlineData("payout", "creator", "10", "605000000000")]
    public async Task Top_ranks_by(string kind, string by, string id, string value)
    {
        var top = await GetAsync($"/top?period=day&date=2026-11-16&kind={kind}&by={by}&limit=1");
        var first = Assert.Single(top.GetProperty("rows").EnumerateArray());
        Assert.Equal((id, value), (first.GetProperty("id").GetInt64().ToString(CultureInfo.InvariantCulture), Text(first, "value")));
    }

    [Fact]
    public async Task A_statement_sums_to_the_creators_balance()
    {
        var statement = await GetAsync("/creators/10/statement");
        Assert.Equal(Text(statement, "balanceMicros"), Text(statement, "totalMicros"));
        Assert.Equal("0", Text(await GetAsync("/creators/10/statement?from=2026-12-01"), "totalMicros"));
    }

    [Fact]
    public async Task The_ledger_shows_entries_postings_and_a_trial_balance_of_zero()
    {
        var entries = (await GetAsync("/ledger/entries?day=2026-11-16")).EnumerateArray().ToList();
        Assert.Equal(2, entries.Count);
        var entry = await GetAsync($"/ledger/entries/{entries[0].GetProperty("id").GetInt64()}");
        Assert.Equal(0, entry.GetProperty("postings").EnumerateArray().Sum(posting => long.Parse(Text(posting, "amountMicros")!, CultureInfo.InvariantCulture)));
        Assert.Equal("2026-11-16", Text(entry.GetProperty("manifest"), "day"));
        Assert.Equal("0", Text(await GetAsync("/ledger/balance"), "sumMicros"));
    }

    [Fact]
    public async Task Rates_show_the_default_card()
    {
        var view = (await GetAsync("/rates")).EnumerateArray().Single(card => Text(card, "kind") == "view");
        Assert.Equal(["1000000", "1100000", "1300000", "1500000"], view.GetProperty("tiers").EnumerateArray().Select(tier => Text(tier, "priceMicros")));
    }

    [Theory]
    [InlineData("/days/2026-13-01", 400, "date is '2026-13-01': expected a business date yyyy-MM-dd")]
    [InlineData("/days?limit=0", 400, "limit is '0': expected a number between 1 and 10000")]
    [InlineData("/days?from=2026-11-02&to=2026-11-01", 400, "to is '2026-11-01', before from '2026-11-02'")]
    [InlineData("/contents/one/stats", 400, "id is 'one': expected a number")]
    [InlineData("/contents/1/stats?period=hour", 400, "period is 'hour': expected day, week, month or year")]
    [InlineData("/contents/999/stats", 404, "content 999 has no views")]
    [InlineData("/creators/999/statement", 404, "creator 999 has no payouts")]
    [InlineData("/creators/-1/statement?from=x", 400, "id is '-1': expected a number between 0 and 9223372036854775807; from is 'x': expected a business date")]
    [InlineData("/top?date=2026-11-16&limit=1001", 400, "limit is '1001': expected a number between 1 and 1000")]
    [InlineData("/top?date=2026-11-16&kind=likes", 400, "kind is 'likes': expected one of view, ad, watch, payout")]
    [InlineData("/top", 400, "date is missing: expected a business date")]
    [InlineData("/ledger/entries?day=today", 400, "day is 'today': expected a business date")]
    [InlineData("/ledger/entries/999999", 404, "the ledger has no entry 999999")]
    [InlineData("/nowhere", 404, null)]
    public async Task What_can_not_be_answered_says_why(string path, int status, string? detail)
    {
        using var response = await settlement.Http.GetAsync(path, Token);
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        if (detail is not null)
            Assert.Contains(detail, Text(await response.Content.ReadFromJsonAsync<JsonElement>(Token), "detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ending_closing_and_repairing_go_through_the_commands_topic()
    {
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync("/days/2026-11-01/end"));
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync("/days/2026-11-02/close"));
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync("/days/2026-11-16/repair"));
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync("/days/2026-11-16/close")); // ended: nothing to send
        await settlement.UntilAsync("2026-11-16", shown => !shown.GetProperty("comparing").GetBoolean());
        var commands = settlement.Commands().Select(command => (command.Kind, command.Day.ToString(), command.By)).ToList();
        Assert.Contains((CommandKind.EndDay, "2026-11-01", "api"), commands);
        Assert.Contains((CommandKind.EndDay, "2026-11-02", "api"), commands);
        Assert.Contains((CommandKind.RepairDay, "2026-11-16", "api"), commands);
        Assert.DoesNotContain(commands, command => command is (CommandKind.EndDay, "2026-11-16", _));
    }

    [Theory]
    [InlineData("end")]
    [InlineData("close")]
    [InlineData("repair")]
    public async Task A_day_in_the_future_can_not_be_ended_closed_or_repaired(string verb)
    {
        using var response = await settlement.Http.PostAsync($"/days/9999-01-01/{verb}", null, Token);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        Assert.Contains("9999-01-01 has not begun", Text(await response.Content.ReadFromJsonAsync<JsonElement>(Token), "detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_OpenAPI_document_has_every_route_and_Swagger_UI_shows_it()
    {
        var paths = (await GetAsync("/swagger/v1/swagger.json")).GetProperty("paths").EnumerateObject().Select(path => path.Name).Order().ToList();
        Assert.Equal(
        [
            "/contents/{id}/stats", "/creators/{id}/statement", "/days", "/days/{date}", "/days/{date}/accept", "/days/{date}/close", "/days/{date}/end", "/days/{date}/repair",
            "/dead-letters", "/dead-letters/redrive", "/dead-letters/{id}", "/dead-letters/{id}/discard", "/dead-letters/{id}/redrive",
            "/ledger/balance", "/ledger/entries", "/ledger/entries/{id}", "/rates", "/top",
        ], paths);
        Assert.Contains("swagger-ui", await settlement.Http.GetStringAsync("/", Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_tell_days_runs_lines_and_amounts()
    {
        var metrics = await settlement.Http.GetStringAsync("/metrics", Token);
        Assert.Contains("settlement_days{status=\"Posted\"} 2", metrics, StringComparison.Ordinal);
        Assert.Contains("settlement_runs_total{outcome=\"posted\"} 2", metrics, StringComparison.Ordinal);
        Assert.Contains("settlement_lines_total{kind=\"view\"} 3", metrics, StringComparison.Ordinal);
        Assert.Contains("settlement_posted_micros{kind=\"ad\"} 30000000", metrics, StringComparison.Ordinal);
        Assert.Contains("settlement_out_of_balance_total 0", metrics, StringComparison.Ordinal);
        Assert.Contains("settlement_run_seconds_count ", metrics, StringComparison.Ordinal);
    }

    private async Task<JsonElement> GetAsync(string path) => await settlement.Http.GetFromJsonAsync<JsonElement>(path, Token);

    private async Task<HttpStatusCode> PostAsync(string path)
    {
        using var response = await settlement.Http.PostAsync(path, null, Token);
        return response.StatusCode;
    }

    private static string? Text(JsonElement element, string property) => element.GetProperty(property).GetString();
}
