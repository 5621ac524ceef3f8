using System.Net;
using StreamSettlement.Cli.Api;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;

namespace StreamSettlement.UnitTests.Cli;

public sealed class SettlementApiTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Open", null, true)]
    [InlineData("Open", "NotIngested", true)]
    [InlineData("Open", "NotSealed", true)]
    [InlineData("Sealed", "OutOfBalance", true)] // a repair is under way
    [InlineData("Balanced", null, true)]
    [InlineData("Sealed", "DeadLetters", false)]
    [InlineData("OutOfBalance", "OutOfBalance", false)]
    [InlineData("OutOfBalance", null, true)] // the difference has just been accepted
    [InlineData("OutOfBalance", "NotSealed", true)] // the next attempt is on its way
    [InlineData("OutOfBalance", "DeadLetters", false)]
    [InlineData("Posted", "AlreadyPosted", false)]
    [InlineData("Posted", null, false)]
    public void Only_what_gets_on_by_itself_is_waited_for(string status, string? refusal, bool mayChange) =>
        Assert.Equal(mayChange, new DayState(status, refusal, null).MayChange);

    [Theory]
    [InlineData("Posted", "AlreadyPosted", true, false)]
    [InlineData("Posted", "NotSealed", false, false)] // the next attempt is on its way
    [InlineData("Posted", "OutOfBalance", false, false)] // a repair is under way
    [InlineData("Posted", "DeadLetters", false, true)]
    [InlineData("OutOfBalance", "NotSealed", false, false)] // the status is that of the attempt before
    [InlineData("OutOfBalance", null, false, false)]
    [InlineData("OutOfBalance", "OutOfBalance", false, true)]
    public void A_repair_is_over_when_the_newest_attempt_is_posted_or_waits_for_a_person(string status, string? refusal, bool isUpToDate, bool isStuck)
    {
        var state = new DayState(status, refusal, null, 2);
        Assert.Equal((isUpToDate, isStuck), (state.IsUpToDate, state.IsStuck));
    }

    [Fact]
    public void A_day_is_read_by_its_names_and_unknown_ones_are_ignored()
    {
        var day = SettlementApi.ReadDay("""{"day":"2026-11-21","status":"Sealed","refusal":"DeadLetters","detail":"3 dead letters wait","attempt":2,"streams":[]}""");
        Assert.Equal(new DayState("Sealed", "DeadLetters", "3 dead letters wait", 2), day);
        Assert.Equal(new DayState("Posted", null, null), SettlementApi.ReadDay("""{"status":"Posted","refusal":null}"""));
        var comparing = SettlementApi.ReadDay("""{"status":"Posted","refusal":"AlreadyPosted","comparing":true}""");
        Assert.True(comparing is { MayChange: true }, "close waits until it has been compared");
    }

    [Theory]
    [InlineData("<html>sign in</html>")]
    [InlineData("null")]
    [InlineData("\"ok\"")]
    [InlineData("{}")]
    [InlineData("")]
    public async Task An_answer_of_something_else_than_the_service_is_told_with_the_address(string body)
    {
        using var elsewhere = new SettlementApi(new Uri("http://elsewhere:8080/"), transport: new Answers(_ => (HttpStatusCode.OK, body)));
        Func<Task>[] questions =
        [
            () => elsewhere.DayAsync(BusinessDay.Of(2026, 11, 21), Token), () => elsewhere.DaysAsync(Token),
            () => elsewhere.LettersAsync(null, "open", Token), () => elsewhere.LetterAsync(1, Token),
        ];
        foreach (var question in questions)
        {
            var told = await Assert.ThrowsAsync<DevStackException>(question);
            Assert.StartsWith("http://elsewhere:8080/d", told.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"title":"The day is in the future","detail":"2027-01-01 has not begun","status":422}""", "The day is in the future: 2027-01-01 has not begun")]
    [InlineData("""{"title":"Not found"}""", "Not found")]
    [InlineData("<html>", "status 502: <html>")]
    [InlineData("", "status 502")]
    public void A_problem_is_shown_by_its_title_and_detail(string body, string shown) => Assert.Equal(shown, SettlementApi.DescribeProblem(502, body));
}
