using Npgsql;

namespace StreamSettlement.IntegrationTests.Settlement;

/// <summary>The database itself refuses what would make the books wrong, whoever tries.</summary>
public sealed class LedgerTests(Servers servers)
{
    private const string Day = "2026-11-20";

    [Theory]
    [InlineData("entry", "kind = kind")]
    [InlineData("posting", "amount_micros = amount_micros + 1")]
    [InlineData("account", "creator_id = 999 where creator_id = 10")]
    [InlineData("payout_line", "units = 0")]
    [InlineData("run", "attempt = 9")]
    [InlineData("mt_events", "type = 'DayPosted'")]
    [InlineData("rate_card", "note = 'x'")]
    [InlineData("rate_tier", "price_micros = 0")]
    public async Task What_is_written_can_not_be_changed_or_removed(string table, string change)
    {
        await using var books = await Posted();
        await RefusedAsync(books, $"update settlement.{table} set {change}", "append-only: update refused");
        await RefusedAsync(books, $"delete from settlement.{table}", "append-only: delete refused");
        await RefusedAsync(books, $"truncate settlement.{table} cascade", "append-only: truncate refused");
    }

    [Theory]
    [InlineData("insert into settlement.posting select 1, id, 5 from settlement.account where expense_kind = 'ad'")]
    [InlineData("insert into settlement.payout_line values (1, 99, '2026-11-20', 10, 'view', 1, 1)")]
    public async Task Nothing_can_be_added_to_an_entry_of_an_earlier_transaction(string late)
    {
        await using var books = await Posted();
        await RefusedAsync(books, late, "nothing can be added to entry 1");
    }

    [Fact]
    public async Task Nothing_can_be_added_to_an_entry_that_does_not_exist()
    {
        await using var books = await Posted();
        await RefusedAsync(books, "insert into settlement.payout_line values (77, 99, '2026-11-20', 10, 'view', 1, 1)", "nothing can be added to entry 77");
    }

    [Theory]
    [InlineData(6, 5, 6, "does not balance: 2 postings sum to 1 micros")]
    [InlineData(6, 6, 5, "does not match its lines: 6 micros booked to creators, 5 in payout lines")]
    public async Task An_entry_that_is_wrong_is_refused_at_commit(long owed, long spent, long lines, string why)
    {
        await using var books = await Posted();
        await RefusedAsync(books, Entry(owed, spent, lines), why);
        Assert.Equal(1, await books.CountAsync("entry"));
    }

    [Fact]
    public async Task An_entry_without_postings_is_refused_at_commit()
    {
        await using var books = await Posted();
        await RefusedAsync(books, OpenEntry, "does not balance: 0 postings");
    }

    [Fact]
    public async Task An_entry_that_is_right_is_taken()
    {
        await using var books = await Posted();
        await books.Database.ExecuteAsync(Entry(6, 6, 6), TestContext.Current.CancellationToken);
        Assert.Equal(2, await books.CountAsync("entry"));
    }

    [Fact]
    public async Task Checking_early_does_not_open_a_door_for_what_comes_after()
    {
        await using var books = await Posted();
        await RefusedAsync(books, Entry(6, 6, 6) + "; set constraints all immediate; insert into settlement.payout_line values (50, 100, '2026-11-20', 10, 'view', 1, 1)",
            "nothing can be added to entry 50");
    }

    [Fact]
    public async Task The_transaction_of_an_entry_can_not_be_forged()
    {
        await using var books = await Posted();
        await books.Database.ExecuteAsync(
            Entry(6, 6, 6).Replace("values (50, 50, 'view', 'KRW', now())", "values (50, 50, 'view', 'KRW', now(), '1')", StringComparison.Ordinal)
                .Replace("(id, run_id, kind, currency, posted_at)", "(id, run_id, kind, currency, posted_at, xact)", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        Assert.NotEqual("1", await books.ScalarAsync<string>("select xact::text from settlement.entry where id = 50"));
    }

    [Theory]
    [InlineData("insert into settlement.rate_card (id, kind, currency, effective_from, note) values (100, 'view', 'KRW', '2026-12-01', 'no tiers yet')",
        "rate card 100 has no tier from 0 units on")]
    [InlineData(Card + "; insert into settlement.rate_tier values (100, 10, 5)", "rate card 100 has no tier from 0 units on")]
    [InlineData(CardInDollars + "; insert into settlement.rate_tier values (100, 0, 5)", "rate card 100 is in USD, the books are in KRW")]
    [InlineData("insert into settlement.rate_tier values (1, 7, 5)", "rate card 1 is in force as it is")]
    public async Task A_card_that_no_run_could_read_or_that_grows_later_is_refused(string card, string why)
    {
        await using var books = await Posted();
        await RefusedAsync(books, card, why);
        await RefusedAsync(books, "begin; " + Card + "; insert into settlement.rate_tier values (100, 0, 5); commit; insert into settlement.rate_tier values (100, 9, 4)",
            "rate card 100 is in force as it is");
        // What was refused left nothing behind: the next day is priced as before.
        await books.ViewsAsync("2026-11-21", 1, 10, 2);
        await books.CloseAsync("2026-11-21");
        Assert.Equal(7_000_000, await books.ScalarAsync<long>("select amount_micros from settlement.balance where creator_id = 10"));
    }

    private const string Card = "insert into settlement.rate_card (id, kind, currency, effective_from, note) values (100, 'view', 'KRW', '2026-12-01', 'x')";
    private const string CardInDollars = "insert into settlement.rate_card (id, kind, currency, effective_from, note) values (100, 'view', 'USD', '2026-12-01', 'x')";

    private const string OpenEntry = """
        insert into settlement.run (id, log_date, attempt, posted_at, manifest) values (50, '2026-11-20', 2, now(), '{}');
        insert into settlement.entry (id, run_id, kind, currency, posted_at) values (50, 50, 'view', 'KRW', now())
        """;

    private static string Entry(long owed, long spent, long lines) => $"""
        {OpenEntry};
        insert into settlement.payout_line values (50, 99, '2026-11-20', 10, 'view', 1, {lines});
        insert into settlement.posting select 50, id, case when creator_id is null then -{spent} else {owed} end
        from settlement.account where creator_id = 10 or expense_kind = 'view'
        """;

    private async Task<Books> Posted()
    {
        var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        await books.CloseAsync(Day);
        return books;
    }

    private static async Task RefusedAsync(Books books, string sql, string why)
    {
        var refused = await Assert.ThrowsAsync<PostgresException>(() => books.Database.ExecuteAsync(sql, TestContext.Current.CancellationToken));
        Assert.Contains(why, refused.MessageText, StringComparison.Ordinal);
    }
}
