using System.Text.Json;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Generator;
using StreamSettlement.IntegrationTests.Ingest;

namespace StreamSettlement.IntegrationTests.EndToEnd;

/// <summary>From MySQL rows to paid days, over real servers and processes, against plain SQL over the source.</summary>
public sealed class PipelineTests(Servers servers)
{
    private static readonly BusinessDay Last = BusinessDay.Of(2026, 3, 15);

    [Theory]
    // seed, logs, ads, contents, creators, days
    [InlineData(1, 1_000, 500, 50, 5, 1)]
    [InlineData(2, 20_000, 10_000, 300, 40, 3)]
    [InlineData(3, 60_000, 20_000, 2_000, 200, 7)]
    [InlineData(4, 5_000, 5_000, 1, 1, 2)] // one content only
    public async Task Every_day_is_paid_to_the_micro_won(int seed, int logs, int ads, int contents, int creators, int days)
    {
        await using var stack = await Stack.StartAsync(servers);
        await FillAsync(stack, new GeneratorSettings { Seed = seed, Logs = logs, Ads = ads, Contents = contents, Creators = creators, Day = Last, Days = days });
        var all = Days(days);

        foreach (var day in all) await EndAsync(stack, day);
        foreach (var day in all) await PostedAsync(stack, day);

        await new SourceTruth(stack).AssertEqualAsync(all);
    }

    [Fact]
    public async Task Days_closed_out_of_order_are_paid_as_if_in_order()
    {
        await using var stack = await Stack.StartAsync(servers);
        // Contents watched so much that tiers lie between the days: what a later day is paid depends on the earlier ones.
        await FillAsync(stack, new GeneratorSettings { Seed = 5, Logs = 0, Ads = 0, Contents = 3, Creators = 2, Day = Last, Days = 3 });
        foreach (var day in Days(3)) await WatchAsync(stack, day, content: 1, views: 60_000);

        foreach (var day in new[] { Last.AddDays(-1), Last, Last.AddDays(-2) })
        {
            await EndAsync(stack, day);
            await PostedAsync(stack, day);
        }

        await new SourceTruth(stack).AssertEqualAsync(Days(3));
    }

    [Fact]
    public async Task A_content_that_crosses_two_tiers_in_a_day_is_paid_by_the_margin()
    {
        await using var stack = await Stack.StartAsync(servers);
        await FillAsync(stack, new GeneratorSettings { Seed = 6, Logs = 100, Ads = 100, Contents = 2, Creators = 2, Day = Last });
        await WatchAsync(stack, Last, content: 2, views: 500_001);

        await EndAsync(stack, Last);
        await PostedAsync(stack, Last);

        await new SourceTruth(stack).AssertEqualAsync([Last]);
    }

    [Fact]
    public async Task A_day_without_rows_is_posted_with_nothing()
    {
        await using var stack = await Stack.StartAsync(servers);

        await EndAsync(stack, Last);
        await PostedAsync(stack, Last);

        await new SourceTruth(stack).AssertEqualAsync([Last]);
        Assert.Equal(0L, await stack.Postgres.ScalarAsync("select count(*) from settlement.payout", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Rows_that_are_not_completed_are_not_paid_until_they_are()
    {
        await using var stack = await Stack.StartAsync(servers);
        await FillAsync(stack, new GeneratorSettings { Seed = 7, Logs = 2_000, Ads = 0, Contents = 20, Creators = 5, Day = Last, Days = 2 });
        await EndAsync(stack, Last.AddDays(-1));
        await PostedAsync(stack, Last.AddDays(-1));

        await stack.Source.ExecuteAsync($"update daily_member_view_log set status = 'COMPLETED' where log_date = '{Last}'", TestContext.Current.CancellationToken);
        await EndAsync(stack, Last);
        await PostedAsync(stack, Last);

        await new SourceTruth(stack).AssertEqualAsync(Days(2));
    }

    [Fact]
    public async Task Ending_and_closing_a_day_twice_changes_nothing()
    {
        await using var stack = await Stack.StartAsync(servers);
        await FillAsync(stack, new GeneratorSettings { Seed = 8, Logs = 3_000, Ads = 1_000, Contents = 30, Creators = 5, Day = Last });
        await EndAsync(stack, Last);
        await PostedAsync(stack, Last);
        var entries = await stack.Postgres.ScalarAsync("select count(*) from settlement.entry", TestContext.Current.CancellationToken);

        await EndAsync(stack, Last);
        using var close = await stack.Api.PostAsync($"/days/{Last}/close", null, TestContext.Current.CancellationToken);
        Assert.True(close.IsSuccessStatusCode, await close.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        // A later day passes through everything behind the second end.
        await EndAsync(stack, Last.AddDays(1));
        await PostedAsync(stack, Last.AddDays(1));

        await new SourceTruth(stack).AssertEqualAsync([Last]);
        Assert.Equal(entries, await stack.Postgres.ScalarAsync($"select count(*) from settlement.entry", TestContext.Current.CancellationToken));
    }

    private static List<BusinessDay> Days(int count) => [.. Enumerable.Range(0, count).Select(back => Last.AddDays(back - count + 1))];

    private static Task FillAsync(Stack stack, GeneratorSettings settings) =>
        new SourceFiller(stack.Source, settings).FillAsync(null, TestContext.Current.CancellationToken);

    /// <summary>Completed views of one content, made by the server itself.</summary>
    private static Task<int> WatchAsync(Stack stack, BusinessDay day, long content, int views) =>
        stack.Source.ExecuteAsync(
            $"""
            insert into daily_member_view_log (member_id, content_post_id, log_date, watch_seconds, last_position_seconds, status)
            select 1 + seq mod 10, {content}, '{day}', seq mod 600, seq mod 600, 'COMPLETED' from {SourceSql.Numbers(views)}
            """, TestContext.Current.CancellationToken);

    private static async Task EndAsync(Stack stack, BusinessDay day)
    {
        using var response = await stack.Api.PostAsync($"/days/{day}/end", null, TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    private static async Task PostedAsync(Stack stack, BusinessDay day)
    {
        var deadline = TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(90);
        while (true)
        {
            using var response = await stack.Api.GetAsync($"/days/{day}", TestContext.Current.CancellationToken);
            var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            if (response.IsSuccessStatusCode && JsonDocument.Parse(text).RootElement.GetProperty("status").GetString() == "Posted") return;
            if (TimeProvider.System.GetUtcNow() > deadline) Assert.Fail($"{day} is not posted after 90 s: {text}; logs: {stack.State.LogDirectory}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }
}
