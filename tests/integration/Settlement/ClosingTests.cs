using StreamSettlement.Contracts;

namespace StreamSettlement.IntegrationTests.Settlement;

public sealed class ClosingTests(Servers servers)
{
    private const string Day = "2026-11-20";
    private const string NextDay = "2026-11-21";

    [Fact]
    public async Task A_sealed_balanced_day_is_posted_and_paid()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, content: 1, creator: 10, views: 100_001);
        await books.AdsAsync(Day, content: 1, creator: 10, ads: 3, advertisement: 1);
        await books.AdsAsync(Day, content: 1, creator: 10, ads: 4, advertisement: 2);
        await books.CloseAsync(Day);

        Assert.Equal(["2026-11-20 1 10 ad 7 70000000", "2026-11-20 1 10 view 100001 100001100000"], await books.PayoutsAsync());
        Assert.Equal(100_071_100_000L, await books.ScalarAsync<long>("select amount_micros from settlement.balance where creator_id = 10"));
        Assert.Equal([EventKind.DayBalanced, EventKind.DayPosted], books.Control.Events.Select(happened => happened.Kind));
        Assert.Empty(books.Control.Commands);
    }

    [Fact]
    public async Task Running_again_posts_nothing()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        await books.AdsAsync(Day, 1, 10, 5);
        await books.CloseAsync(Day);
        var (runs, entries) = (await books.CountAsync("run"), await books.CountAsync("entry"));

        await books.StepAsync();
        books.Wakeup.Ask(BusinessDay.Parse(Day));
        await books.StepAsync();
        await books.CloseAsync(Day, attempt: 2);

        Assert.Equal((runs, entries), (await books.CountAsync("run"), await books.CountAsync("entry")));
        Assert.Equal(2, await books.ScalarAsync<int>("select attempt from settlement.day"));
    }

    [Fact]
    public async Task Late_rows_of_a_posted_day_are_paid_by_an_adjustment()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 99_999);
        await books.CloseAsync(Day);
        await books.ViewsAsync(Day, 1, 10, 2);
        await books.CloseAsync(Day, attempt: 2);

        Assert.Equal(["2026-11-20 1 10 view 100001 100001100000"], await books.PayoutsAsync());
        Assert.Equal(["99999 99999000000", "2 2100000"], await books.QueryAsync(
            "select units || ' ' || amount_micros from settlement.payout_line order by entry_id", row => row.GetString(0)));
    }

    [Fact]
    public async Task Late_rows_of_a_posted_day_are_paid_by_the_next_days_run_too()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 99_999);
        await books.CloseAsync(Day);
        await books.ViewsAsync(Day, 1, 10, 1);
        await books.ViewsAsync(NextDay, 1, 10, 1);
        await books.CloseAsync(NextDay);

        Assert.Equal(["2026-11-20 1 10 view 100000 100000000000", "2026-11-21 1 10 view 1 1100000"], await books.PayoutsAsync());
        Assert.Equal("DayAdjusted", await books.ScalarAsync<string>($"select type from settlement.day_event where log_date = '{Day}' order by version desc limit 1"));
    }

    [Fact]
    public async Task Days_closed_out_of_order_end_as_days_closed_in_order()
    {
        await using var inOrder = await Books.CreateAsync(servers);
        await using var outOfOrder = await Books.CreateAsync(servers);
        foreach (var books in new[] { inOrder, outOfOrder })
        {
            await books.ViewsAsync("2026-11-18", 1, 10, 90_000);
            await books.ViewsAsync("2026-11-19", 1, 10, 20_000);
            await books.ViewsAsync("2026-11-20", 1, 10, 500_000);
            await books.AdsAsync("2026-11-19", 1, 10, 100_000);
            await books.AdsAsync("2026-11-20", 1, 10, 1);
        }
        foreach (var day in new[] { "2026-11-18", "2026-11-19", "2026-11-20" }) await inOrder.CloseAsync(day);
        foreach (var day in new[] { "2026-11-20", "2026-11-18", "2026-11-19" }) await outOfOrder.CloseAsync(day);

        Assert.Equal(await inOrder.PayoutsAsync(), await outOfOrder.PayoutsAsync());
        Assert.Equal(0, await outOfOrder.ScalarAsync<long>(TiersBySql.Differences));
    }

    [Fact]
    public async Task Rows_that_reach_an_earlier_day_after_later_days_were_posted_move_their_tiers()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(NextDay, 1, 10, 100_000);
        await books.CloseAsync(NextDay);
        await books.ViewsAsync(Day, 1, 11, 50_000);
        await books.CloseAsync(Day);

        Assert.Equal(["2026-11-20 1 11 view 50000 50000000000", "2026-11-21 1 10 view 100000 105000000000"], await books.PayoutsAsync());
    }

    [Fact]
    public async Task A_content_that_changed_hands_goes_on_through_the_tiers()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 11, 60_000);
        await books.ViewsAsync(Day, 1, 10, 60_000);
        await books.CloseAsync(Day);

        // The lower id comes first: 11 gets 40,000 at 1.0 and 20,000 at 1.1.
        Assert.Equal(["2026-11-20 1 10 view 60000 60000000000", "2026-11-20 1 11 view 60000 62000000000"], await books.PayoutsAsync());
    }

    [Fact]
    public async Task Units_that_moved_to_another_creator_are_taken_back_from_the_first()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 7);
        await books.CloseAsync(Day);
        await books.ExecuteAsync($"update rollup.content_day set creator_id = 11");
        books.Wakeup.Ask(BusinessDay.Parse(Day));
        await books.StepAsync();

        Assert.Equal(["2026-11-20 1 11 view 7 7000000"], await books.PayoutsAsync());
        Assert.Equal(0, await books.ScalarAsync<long>("select amount_micros from settlement.balance where creator_id = 10"));
    }

    [Fact]
    public async Task An_empty_day_is_posted_without_an_entry()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.CloseAsync(Day);
        Assert.Equal((1L, 0L), (await books.CountAsync("run"), await books.CountAsync("entry")));
    }

    [Fact]
    public async Task A_new_rate_card_prices_the_days_from_its_date_on()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ExecuteAsync($"""
            with card as (insert into settlement.rate_card (id, kind, currency, effective_from, note) values (100, 'view', 'KRW', '{NextDay}', 'doubled') returning id)
            insert into settlement.rate_tier (card_id, from_units, price_micros) select id, from_units, price_micros from card, (values (0, 2000000), (9, 1)) t (from_units, price_micros)
            """);
        await books.ViewsAsync(Day, 1, 10, 3);
        await books.ViewsAsync(NextDay, 1, 10, 3);
        await books.CloseAsync(Day);
        await books.CloseAsync(NextDay);

        Assert.Equal(["2026-11-20 1 10 view 3 3000000", "2026-11-21 1 10 view 3 6000000"], await books.PayoutsAsync());
        Assert.Contains("100", await books.ScalarAsync<string>("select manifest #>> '{entries,view,cards}' from settlement.run where log_date = '2026-11-21'"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_corrected_card_is_posted_as_adjustments()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 3);
        await books.CloseAsync(Day);
        await books.ExecuteAsync($"insert into settlement.rate_card (id, kind, currency, effective_from, note) values (100, 'view', 'KRW', '0001-01-01', 'corrected'); insert into settlement.rate_tier values (100, 0, 900000)");
        await books.CloseAsync(NextDay);

        Assert.Equal(["2026-11-20 1 10 view 3 2700000"], await books.PayoutsAsync());
    }

    [Fact]
    public async Task A_run_leaves_a_manifest_that_says_what_it_was_computed_from()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 3);
        await books.ExecuteAsync($"insert into rollup.progress (generation, stream, partition, epoch, next_offset, owner) values (1, 'view-logs', 0, 1, 42, 'test')");
        await books.CloseAsync(Day);

        Assert.Equal("42", await books.ScalarAsync<string>("select manifest #>> '{offsets,1,view-logs,0}' from settlement.run"));
        Assert.Equal("2026-11-20", await books.ScalarAsync<string>("select manifest #>> '{generations,0,from}' from settlement.run"));
        Assert.Equal("3000000", await books.ScalarAsync<string>("select manifest #>> '{entries,view,amountMicros}' from settlement.run"));
        Assert.Equal("1", await books.ScalarAsync<string>("select manifest ->> 'eligibilityRule' from settlement.run"));
    }

    [Fact]
    public async Task Days_before_the_first_change_count_for_the_tiers_of_later_ones()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync("2026-11-17", 1, 10, 60_000);
        await books.ViewsAsync("2026-11-18", 1, 11, 40_000);
        await books.CloseAsync("2026-11-17");
        await books.CloseAsync("2026-11-18");
        await books.ViewsAsync(Day, 1, 12, 2);
        await books.ViewsAsync(Day, 2, 12, 1);
        await books.CloseAsync(Day);

        Assert.Equal(["2026-11-20 1 12 view 2 2200000", "2026-11-20 2 12 view 1 1000000"], (await books.PayoutsAsync())[2..]);
        Assert.Equal(0, await books.ScalarAsync<long>(TiersBySql.Differences));
    }

    [Fact]
    public async Task A_day_that_counted_before_it_was_closed_is_paid_when_it_is()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        await books.ViewsAsync(NextDay, 1, 10, 5);
        await books.CloseAsync(NextDay);
        await books.CloseAsync(Day);
        Assert.Equal(2, (await books.PayoutsAsync()).Count);
    }

    [Fact]
    public async Task Forgotten_marks_cost_a_run_over_everything_and_change_nothing()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        await books.CloseAsync(Day);
        await books.ExecuteAsync($"delete from settlement.settled_day");
        await books.CloseAsync(Day, attempt: 2);
        Assert.Equal(1, await books.CountAsync("run"));
    }

    [Fact]
    public async Task Two_settlements_at_once_post_a_day_once()
    {
        await using var books = await Books.CreateAsync(servers);
        for (var content = 1; content <= 50; content++) await books.ViewsAsync(Day, content, 10, content);
        await books.SealAsync(Day);
        await Task.WhenAll(books.StepAsync(), books.StepAsync(), books.StepAsync());

        Assert.Equal(1, await books.CountAsync("run"));
        Assert.Equal(0, await books.ScalarAsync<long>(TiersBySql.Differences));
    }
}
