using System.Text.Json;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.IntegrationTests.Aggregator;
using StreamSettlement.IntegrationTests.EndToEnd;
using StreamSettlement.IntegrationTests.Ingest;

namespace StreamSettlement.IntegrationTests.Cli;

/// <summary>A day that poison blocks, got on with by the commands of an operator, against the API alone.</summary>
public sealed class OperatingTests(Servers servers)
{
    private static readonly BusinessDay Day = SourceSql.Day;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rows_of_unknown_content_are_redriven_after_the_content_came_and_the_day_is_posted()
    {
        await using var stack = await StartAsync();
        await AddRowsAsync(stack);
        await LettersAsync(stack, "state = 'open'", 4);

        // Without a correction each is a dead letter again, a new one. (The day has not ended: with its letters gone for a moment, settlement
        // would rightly ask for a repair, and that might come after the correction.)
        var (exit, said) = await RunAsync(stack, "redrive", "--date", $"{Day}");
        Assert.True(exit == 0, said);
        await LettersAsync(stack, "state = 'redriven'", 4);
        await LettersAsync(stack, "state = 'open'", 4);
        (exit, said) = await RunAsync(stack, "close", $"{Day}");
        Assert.Equal(1, exit);
        Assert.Contains("DeadLetters", said, StringComparison.Ordinal);
        await stack.Source.ExecuteAsync("insert into content_post (id, creator_id, title, duration_seconds) values (4, 1, 'c', 600)", Token);
        (exit, said) = await RunAsync(stack, "redrive");
        Assert.True(exit == 0, said);
        Assert.Contains($"{Day}", said, StringComparison.Ordinal);
        (exit, said) = await RunAsync(stack, "close", $"{Day}");
        Assert.True(exit == 0, said);
        await new SourceTruth(stack).AssertEqualAsync([Day]);

        // A repair publishes all of it again, and pays nothing again.
        (exit, said) = await RunAsync(stack, "repair", $"{Day}");
        Assert.True(exit == 0, said);
        await new SourceTruth(stack).AssertEqualAsync([Day]);
        Assert.Equal("", (await RunAsync(stack, "dead-letters")).Output);
    }

    [Fact]
    public async Task Discarded_rows_are_not_paid_and_the_day_is_posted()
    {
        await using var stack = await StartAsync();
        await AddRowsAsync(stack);
        var (exit, said) = await RunAsync(stack, "close", $"{Day}");
        Assert.Equal(1, exit);
        Assert.Contains("DeadLetters", said, StringComparison.Ordinal);
        (exit, said) = await RunAsync(stack, "dead-letters", "--date", $"{Day}", "--json");
        Assert.Equal(0, exit);
        var described = JsonDocument.Parse(said).RootElement.EnumerateArray().ToList();
        Assert.All(described, letter => Assert.Equal(("4", "open"), (letter.GetProperty("key").GetString(), letter.GetProperty("state").GetString())));
        var letters = described.ConvertAll(letter => letter.GetProperty("id").GetInt64());
        Assert.Equal(4, letters.Count);

        (exit, said) = await RunAsync(stack, token: "", ["discard", $"{letters[0]}", "--reason", "no such content"]);
        Assert.Equal(1, exit);
        Assert.Contains("SETTLEMENT_TOKEN", said, StringComparison.Ordinal);
        foreach (var letter in letters)
        {
            (exit, said) = await RunAsync(stack, "discard", $"{letter}", "--reason", "no such content");
            Assert.True(exit == 0, said);
            Assert.Contains("discarded by bob: no such content", said, StringComparison.Ordinal);
        }
        (exit, said) = await RunAsync(stack, "discard", $"{letters[0]}", "--reason", "again");
        Assert.Equal(1, exit);
        Assert.Contains("was discarded by bob", said, StringComparison.Ordinal);
        Assert.Equal(1, (await RunAsync(stack, "redrive", "999999")).ExitCode);
        // Decided is decided, whoever did it and when.
        (exit, said) = await RunAsync(stack, "redrive", $"{letters[0]}");
        Assert.Equal(0, exit);
        Assert.Contains("was discarded by bob", said, StringComparison.Ordinal);

        // The newest attempt was sealed before the decision: settlement asks for a repair by itself.
        (exit, said) = await RunAsync(stack, "close", $"{Day}");
        Assert.True(exit == 0, said);
        await new SourceTruth(stack).AssertEqualAsync([Day]);
        await LettersAsync(stack, "state = 'discarded'", 4);
        await LettersAsync(stack, "state = 'open'", 0);

        (exit, said) = await RunAsync(stack, "accept", $"{Day}", "--reason", "why not");
        Assert.Equal(1, exit);
        Assert.Contains("is not out of balance", said, StringComparison.Ordinal);
        Assert.Equal(1, (await RunAsync(stack, "repair", "2026-11-01")).ExitCode);
    }

    private async Task<Stack> StartAsync()
    {
        var stack = await Stack.StartAsync(servers, new Dictionary<string, string> { ["Ingest__SafetyLag"] = "00:00:00", ["Ingest__EndOfDaySchedule"] = "false" });
        await stack.Source.AddContentsAsync(3);
        return stack;
    }

    /// <summary>Four of them are of content 4, which is not known.</summary>
    private static async Task AddRowsAsync(Stack stack)
    {
        await stack.Source.AddViewsAsync(8, contents: 4);
        await stack.Source.AddAdsAsync(8, contents: 4);
    }

    private static Task LettersAsync(Stack stack, string which, long count) => LogUnderTest.UntilAsync(
        async () => Equals(await stack.Postgres.ScalarAsync($"select count(*) from rollup.dead_letter where {which}", Token), count),
        async () => $"{await stack.Postgres.ScalarAsync($"select count(*) from rollup.dead_letter where {which}", Token)} dead letters with {which}, not {count}");

    private static Task<(int ExitCode, string Output)> RunAsync(Stack stack, params IReadOnlyList<string> arguments) =>
        RunAsync(stack, OperatorToken.Mint(ServiceProcess.SigningKey(stack.State), "bob", TimeProvider.System.GetUtcNow()), arguments);

    private static async Task<(int ExitCode, string Output)> RunAsync(Stack stack, string token, IReadOnlyList<string> arguments)
    {
        await using var command = CommandProcess.Start(stack.State.Root, arguments, new Dictionary<string, string>
        {
            ["SETTLEMENT_API"] = stack.Api.BaseAddress!.ToString(), ["SETTLEMENT_TOKEN"] = token,
        });
        return (await command.ExitAsync(), command.Output);
    }
}
