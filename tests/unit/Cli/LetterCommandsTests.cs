using System.Net;
using System.Text.Json;
using StreamSettlement.Cli;
using StreamSettlement.Cli.Api;
using StreamSettlement.Cli.Commands;
using StreamSettlement.Contracts;

namespace StreamSettlement.UnitTests.Cli;

public sealed class LetterCommandsTests : IDisposable
{
    private readonly StringWriter output = new();
    private readonly StringWriter error = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private Terminal Terminal => Terminal.Plain(output, error);

    [Theory]
    [InlineData(null, "GET /dead-letters?state=open&limit=10000", "POST /dead-letters/redrive")]
    [InlineData("2026-11-21", "GET /dead-letters?state=open&limit=10000&date=2026-11-21", "POST /dead-letters/redrive?date=2026-11-21")]
    public async Task Without_ids_all_open_ones_are_asked_for_at_once(string? date, params string[] asked)
    {
        var answers = new Answers(question => question.StartsWith("GET", StringComparison.Ordinal) ? (HttpStatusCode.OK, $"[{Letter(1, "open")},{Letter(2, "open")}]") : (HttpStatusCode.Accepted, ""));
        using var api = new SettlementApi(new Uri("http://there/"), transport: answers);
        BusinessDay? day = date is null ? null : BusinessDay.Parse(date);
        Assert.Equal([1, 2], await LetterCommands.RedriveAllAsync(Terminal, api, day, Token));
        Assert.Equal(asked, answers.Asked);
    }

    [Fact]
    public async Task Where_none_is_open_nothing_is_asked_for()
    {
        var answers = new Answers(_ => (HttpStatusCode.OK, "[]"));
        using var api = new SettlementApi(new Uri("http://there/"), transport: answers);
        Assert.Empty(await LetterCommands.RedriveAllAsync(Terminal, api, null, Token));
        Assert.Single(answers.Asked);
        Assert.Contains("no open dead letters", output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1 2 3", ExitCodes.Done)] // 1 was decided by somebody else, which is said
    [InlineData("9 2 3", ExitCodes.Refused)] // there is no 9
    public async Task One_that_cannot_be_redriven_keeps_none_of_the_others_from_it(string ids, int exitCode)
    {
        var answers = new Answers(question => question switch
        {
            "POST /dead-letters/1/redrive" => (HttpStatusCode.Conflict, """{"title":"Refused","detail":"dead letter 1 was discarded by alice"}"""),
            "GET /dead-letters/1" => (HttpStatusCode.OK, Letter(1, "discarded")),
            "POST /dead-letters/9/redrive" or "GET /dead-letters/9" => (HttpStatusCode.NotFound, """{"title":"Not found","detail":"there is no dead letter 9"}"""),
            "GET /dead-letters/2" => (HttpStatusCode.OK, Letter(2, "redriven")),
            "GET /dead-letters/3" => (HttpStatusCode.OK, Letter(3, "redriven")),
            _ => (HttpStatusCode.Accepted, ""),
        });
        using var api = new SettlementApi(new Uri("http://there/"), transport: answers);
        var asked = await LetterCommands.RedriveAsync(Terminal, api, [.. ids.Split(' ').Select(long.Parse)], Token);
        Assert.Equal(exitCode, await LetterCommands.AwaitDecidedAsync(Terminal, api, asked, TimeSpan.FromMinutes(1), TimeProvider.System, Token));
        Assert.Equal([.. ids.Split(' ').Select(id => $"POST /dead-letters/{id}/redrive")], answers.Asked.Take(3));
        Assert.Contains(ids[0] == '1' ? "discarded by alice" : "there is no dead letter 9", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("view-logs/0@3", output.ToString(), StringComparison.Ordinal);
    }

    public void Dispose()
    {
        output.Dispose();
        error.Dispose();
    }

    private static string Letter(long id, string state) => JsonSerializer.Serialize(
        new LetterView(id, "view-logs", 0, id, null, id, 1, "unknown-content", "4", "4", 10, state, null, null, null, DateTimeOffset.UnixEpoch), ControlJson.Options);
}
