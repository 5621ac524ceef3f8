using System.Security.Claims;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Source;

namespace StreamSettlement.Settlement.Api;

internal sealed record DiscardRequest(string? Reason);

/// <param name="Letters">How many letters the aggregator was asked to have delivered again.</param>
internal sealed record RedriveView(int Letters);

/// <summary>
/// Dead letters: read here, decided by the aggregator, which alone writes them. What is asked goes through the commands topic and shows in the
/// letter's state a moment later.
/// </summary>
internal static class LettersApi
{
    private const int LettersDefault = 100;
    private const int LettersMax = 10_000;

    public static void Map(WebApplication app)
    {
        var letters = app.MapGroup("/dead-letters").WithTags("dead letters");
        letters.MapGet("", ListAsync).WithSummary("Dead letters, oldest first; date= shows what concerns the day, also letters of no known day; state= is open unless said")
            .Produces<IReadOnlyList<LetterRow>>().ProducesProblem(400).ProducesProblem(503);
        letters.MapGet("/{id}", ReadAsync).WithSummary("One dead letter").Produces<LetterRow>().ProducesProblem(400).ProducesProblem(404).ProducesProblem(503);
        letters.MapPost("/redrive", RedriveAllAsync).WithSummary("Have every open letter that concerns the day delivered again; without date= every open letter there is")
            .Produces<RedriveView>(202).ProducesProblem(400).ProducesProblem(503);
        letters.MapPost("/{id}/redrive", RedriveAsync).WithSummary("Have the record delivered again: its row afresh from the source, or else the original bytes")
            .Produces<LetterRow>(202).ProducesProblem(400).ProducesProblem(404).ProducesProblem(409).ProducesProblem(503);
        letters.MapPost("/{id}/discard", DiscardAsync).WithSummary("Decide, in the token's name, that the record is not counted")
            .RequireName().Produces<LetterRow>(202).ProducesProblem(400).ProducesProblem(404).ProducesProblem(409).ProducesProblem(503);
    }

    private static async Task<IResult> ListAsync(string? date, string? state, string? limit, LetterQuery query, CancellationToken cancel)
    {
        var asked = new Asked();
        BusinessDay? day = date is null ? null : asked.Day("date", date);
        var shown = asked.OneOf("state", state, "open", "redriven", "discarded", "all");
        var most = asked.Limit(limit, LettersDefault, LettersMax);
        return asked.Problem ?? Results.Ok(await query.ListAsync(day, shown == "all" ? null : shown, most, cancel));
    }

    private static async Task<IResult> ReadAsync(string id, LetterQuery query, CancellationToken cancel)
    {
        var asked = new Asked();
        var letterId = asked.Id("id", id);
        if (asked.Problem is { } problem) return problem;
        return await query.FindAsync(letterId, cancel) is { } letter ? Results.Ok(letter) : NotFound(letterId);
    }

    private static async Task<IResult> RedriveAllAsync(
        string? date, ClaimsPrincipal user, LetterQuery query, IControlLog control, SettlementOptions options, CancellationToken cancel)
    {
        var asked = new Asked();
        BusinessDay? day = date is null ? null : asked.Day("date", date);
        if (asked.Problem is { } problem) return problem;
        var letters = await query.ListAsync(day, "open", LettersMax, cancel);
        var by = OperatorAuth.NameOrAnonymous(user);
        var sent = await Task.WhenAll(letters.Select(letter => control.TrySendAsync(Redrive(letter, by), cancel)));
        return sent.All(taken => taken) ? Results.Accepted(null, new RedriveView(letters.Count)) : Problems.NotSent(options.Topics.Commands);
    }

    private static Task<IResult> RedriveAsync(
        string id, ClaimsPrincipal user, LetterQuery query, IControlLog control, SettlementOptions options, CancellationToken cancel) =>
        DecideAsync(new Asked(), id, letter => Redrive(letter, OperatorAuth.NameOrAnonymous(user)), query, control, options, cancel);

    private static Task<IResult> DiscardAsync(
        string id, DiscardRequest request, ClaimsPrincipal user, LetterQuery query, IControlLog control, SettlementOptions options, CancellationToken cancel)
    {
        var asked = new Asked();
        var reason = asked.Reason(request.Reason);
        return DecideAsync(asked, id, letter => new ControlCommand(CommandKind.DiscardDeadLetter, letter.CommandDay, OperatorAuth.Name(user), reason, letter.Id), query, control, options, cancel);
    }

    private static ControlCommand Redrive(LetterRow letter, string by) => new(CommandKind.RedriveDeadLetter, letter.CommandDay, by, Letter: letter.Id);

    private static async Task<IResult> DecideAsync(
        Asked asked, string id, Func<LetterRow, ControlCommand> command, LetterQuery query, IControlLog control, SettlementOptions options,
        CancellationToken cancel)
    {
        var letterId = asked.Id("id", id);
        if (asked.Problem is { } problem) return problem;
        if (await query.FindAsync(letterId, cancel) is not { } letter) return NotFound(letterId);
        if (letter.State != "open") return Problems.Refused($"dead letter {letterId} was {letter.State} by {letter.DecidedBy} at {letter.DecidedAt:O}: {letter.DecidedReason}");
        return await control.TrySendAsync(command(letter), cancel) ? Results.Accepted($"/dead-letters/{letterId}", letter) : Problems.NotSent(options.Topics.Commands);
    }

    private static IResult NotFound(long id) => Problems.NotFound($"there is no dead letter {id}");
}
