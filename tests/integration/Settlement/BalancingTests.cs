using System.Globalization;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Sink;

namespace StreamSettlement.IntegrationTests.Settlement;

/// <summary>What keeps a day from being posted, and what settlement does about it.</summary>
public sealed class BalancingTests(Servers servers)
{
    private const string Day = "2026-11-20";

    [Fact]
    public async Task A_day_out_of_balance_is_repaired_three_times_and_then_an_operator_is_called()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        var statuses = new List<string?>();
        for (var attempt = 1; attempt <= 5; attempt++)
        {
            await books.SealAsync(Day, attempt, missingRows: 1);
            await books.StepAsync();
            await books.StepAsync();
            statuses.Add(await books.StatusAsync(Day));
        }

        Assert.Equal(["Sealed", "Sealed", "Sealed", "OutOfBalance", "OutOfBalance"], statuses);
        Assert.Equal(Enumerable.Repeat(CommandKind.RepairDay, Limits.RepairAttemptsMax), books.Control.Commands.Select(command => command.Kind));
        Assert.Equal(0, await books.CountAsync("run"));
        Assert.Contains("source 6 rows", await books.ScalarAsync<string>("select detail from settlement.day"), StringComparison.Ordinal);
        Assert.Equal(["RepairAsked", "RepairAsked", "RepairAsked", "DayOutOfBalance", "DayOutOfBalance"], await JournalAsync(books));
    }

    [Fact]
    public async Task A_repair_that_helps_leads_to_posting()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        await books.SealAsync(Day, attempt: 1, missingRows: 1);
        await books.StepAsync();
        await books.ViewsAsync(Day, 1, 10, 1);
        await books.CloseAsync(Day, attempt: 2);

        Assert.Equal(["2026-11-20 1 10 view 6 6000000"], await books.PayoutsAsync());
        Assert.Equal(["RepairAsked", "DayBalanced", "DayPosted"], await JournalAsync(books));
    }

    [Fact]
    public async Task A_repair_that_could_not_be_sent_is_asked_for_again()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        await books.SealAsync(Day, missingRows: 1);
        books.Control.Reachable = false;
        await books.StepAsync();
        Assert.Equal(0, await books.ScalarAsync<int>("select repairs from settlement.day"));
        books.Control.Reachable = true;
        await books.StepAsync();
        Assert.Single(books.Control.Commands);
    }

    [Fact]
    public async Task A_day_is_posted_while_the_broker_is_away()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        books.Control.Reachable = false;
        await books.CloseAsync(Day);
    }

    [Fact]
    public async Task An_audit_that_finds_a_missing_row_has_the_posted_day_repaired_and_pays_it()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        await books.CloseAsync(Day);
        await books.SealAsync(Day, attempt: 2, missingRows: 1);
        await books.StepAsync();
        Assert.Equal("Posted", await books.StatusAsync(Day));
        Assert.Single(books.Control.Commands);

        await books.ViewsAsync(Day, 1, 10, 1);
        await books.CloseAsync(Day, attempt: 3);
        Assert.Equal(["2026-11-20 1 10 view 6 6000000"], await books.PayoutsAsync());
        Assert.Equal(0, await books.ScalarAsync<int>("select repairs from settlement.day"));
    }

    [Fact]
    public async Task A_posted_day_whose_audit_never_balances_becomes_out_of_balance_and_stays_in_the_books()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        await books.CloseAsync(Day);
        for (var attempt = 2; attempt <= 5; attempt++)
        {
            await books.SealAsync(Day, attempt, missingRows: 1);
            await books.StepAsync();
        }
        Assert.Equal("OutOfBalance", await books.StatusAsync(Day));
        Assert.Single(await books.PayoutsAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Repairs_that_met_a_dead_letter_were_not_in_vain(bool posted)
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        if (posted) await books.CloseAsync(Day);
        for (var attempt = 2; attempt <= 4; attempt++)
        {
            await books.SealAsync(Day, attempt, missingRows: 1);
            await books.StepAsync();
        }
        Assert.Equal(Limits.RepairAttemptsMax, books.Control.Commands.Count);

        // The last of them brought the row back as a letter, which somebody decides.
        await books.Database.ExecuteAsync($"""
            insert into rollup.dead_letter (generation, stream, partition, kafka_offset, incarnation, log_date, reason, detail)
            values (1, 'view-logs', 0, 7, 1, '{Day}', 'unknown-content', 'test')
            """, TestContext.Current.CancellationToken);
        await books.SealAsync(Day, attempt: 5, missingRows: 1);
        await books.StepAsync();
        await books.Database.ExecuteAsync(
            "update rollup.dead_letter set state = 'redriven', decided_by = 'alice', decided_reason = 'test', decided_at = now()", TestContext.Current.CancellationToken);
        await books.StepAsync();

        Assert.Equal(Limits.RepairAttemptsMax + 1, books.Control.Commands.Count);
        Assert.Equal(posted ? "Posted" : "Sealed", await books.StatusAsync(Day));
    }

    [Theory]
    [InlineData("'2026-11-20'", false)]
    [InlineData("null", false)]
    [InlineData("'2026-11-19'", true)]
    public async Task An_open_dead_letter_of_the_day_or_of_no_known_day_blocks_it(string deadLetterDay, bool posted)
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        await books.Database.ExecuteAsync($"""
            insert into rollup.dead_letter (generation, stream, partition, kafka_offset, incarnation, log_date, reason, detail)
            values (1, 'view-logs', 0, 7, 1, {deadLetterDay}, 'undecodable', 'test')
            """, TestContext.Current.CancellationToken);
        await books.SealAsync(Day);
        await books.StepAsync();
        Assert.Equal(posted ? "Posted" : "Sealed", await books.StatusAsync(Day));
        Assert.Empty(books.Control.Commands);

        await books.Database.ExecuteAsync(
            "update rollup.dead_letter set state = 'discarded', decided_by = 'alice', decided_reason = 'test', decided_at = now()", TestContext.Current.CancellationToken);
        await books.StepAsync();
        Assert.Equal("Posted", await books.StatusAsync(Day));
    }

    [Fact]
    public async Task A_day_is_not_sealed_before_the_last_partition_of_the_last_stream()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        var markers = SourceStreams.All.SelectMany(stream => Enumerable.Range(0, Rollups.Partitions).Select(partition => (stream, partition))).ToList();
        foreach (var (stream, partition) in markers)
        {
            await books.StepAsync();
            Assert.Equal("Open", await books.StatusAsync(Day));
            await books.SealPartitionAsync(Day, stream, partition);
        }
        await books.StepAsync();
        Assert.Equal("Posted", await books.StatusAsync(Day));
    }

    [Fact]
    public async Task A_newer_attempt_that_is_half_sealed_holds_the_day_back()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        await books.SealAsync(Day, attempt: 1);
        await books.SealPartitionAsync(Day, SourceStream.ViewLogs, partition: 2, attempt: 2);
        await books.StepAsync();
        Assert.Equal("Open", await books.StatusAsync(Day));
    }

    [Fact]
    public async Task A_day_with_rows_is_known_before_it_ends()
    {
        await using var books = await Books.CreateAsync(servers);
        await books.ViewsAsync(Day, 1, 10, 5);
        await books.StepAsync();
        Assert.Equal("Open", await books.StatusAsync(Day));
    }

    [Fact]
    public async Task Settlement_waits_for_the_rollup_schema()
    {
        await using var database = await servers.NewPostgresDatabaseAsync();
        await using var postgres = Npgsql.NpgsqlDataSource.Create(database.ConnectionString);
        using var journal = new DayJournal(postgres);
        var store = new PostgresStore(postgres, journal, TimeProvider.System);
        await store.MigrateAsync(TestContext.Current.CancellationToken);
        Assert.StartsWith("waiting for schema rollup", await store.WaitingForAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await new Rollups(database).MigrateAsync();
        Assert.Null(await store.WaitingForAsync(TestContext.Current.CancellationToken));
    }

    private static Task<List<string>> JournalAsync(Books books) => books.QueryAsync(
        string.Create(CultureInfo.InvariantCulture, $"select type from settlement.day_event where log_date = '{Day}' order by version"), row => row.GetString(0));
}
