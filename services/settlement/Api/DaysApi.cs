using System.Security.Claims;
using NodaTime;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Source;

namespace StreamSettlement.Settlement.Api;

/// <param name="Attempt">The attempt whose difference was looked at; left out: the newest.</param>
internal sealed record AcceptRequest(string? Reason, int? Attempt = null);

/// <summary>Days: where they stand, and ending, closing, repairing and accepting them.</summary>
internal static class DaysApi
{
    private const int DaysDefault = 100;
    private const int DaysMax = 10_000;

    public static void Map(WebApplication app)
    {
        var days = app.MapGroup("/days").WithTags("days");
        days.MapGet("", ListAsync).WithSummary("Days, newest first")
            .Produces<IReadOnlyList<DayRow>>().ProducesProblem(400).ProducesProblem(503);
        days.MapGet("/{date}", ReadAsync).WithSummary("One day: status, totals of source and rollups, payouts, runs, journal")
            .Produces<DayView>().ProducesProblem(400).ProducesProblem(503);
        days.MapPost("/{date}/end", EndAsync).WithSummary("End the day: its cutoff is fixed and its markers are published")
            .Produces<DayView>(202).ProducesProblem(400).ProducesProblem(422).ProducesProblem(503);
        days.MapPost("/{date}/close", CloseAsync).WithSummary("End the day if needed and post it as soon as it balances; a posted day is compared again")
            .Produces<DayView>(202).ProducesProblem(400).ProducesProblem(422).ProducesProblem(503);
        days.MapPost("/{date}/repair", RepairAsync).WithSummary("Publish the day's rows again and mark it with its next attempt")
            .Produces<DayView>(202).ProducesProblem(400).ProducesProblem(409).ProducesProblem(422).ProducesProblem(503);
        days.MapPost("/{date}/accept", AcceptAsync).WithSummary("Accept the day's difference, in the token's name: it is posted as the rollups have it")
            .RequireName().Produces<DayView>(202).ProducesProblem(400).ProducesProblem(409).ProducesProblem(503);
    }

    private static async Task<IResult> ListAsync(string? from, string? to, string? limit, DayQuery query, CancellationToken cancel)
    {
        var asked = new Asked();
        var (first, last) = asked.Days(from, to);
        var most = asked.Limit(limit, DaysDefault, DaysMax);
        return asked.Problem ?? Results.Ok(await query.ListAsync(first, last, most, cancel));
    }

    private static async Task<IResult> ReadAsync(string date, DayQuery query, Wakeup wakeup, CancellationToken cancel)
    {
        var asked = new Asked();
        var day = asked.Day("date", date);
        return asked.Problem ?? Results.Ok(DayView.Of(await query.ReadAsync(day, cancel), wakeup));
    }

    private static Task<IResult> EndAsync(string date, ClaimsPrincipal user, DayCommands commands, CancellationToken cancel) =>
        commands.DoAsync(date, user, page => page.Facts.Attempt is null ? CommandKind.EndDay : null, cancel);

    private static Task<IResult> CloseAsync(string date, ClaimsPrincipal user, DayCommands commands, Wakeup wakeup, CancellationToken cancel) =>
        commands.DoAsync(date, user, page =>
        {
            if (page.Facts.Attempt is null) return CommandKind.EndDay;
            // Ended: nothing to send, the tables hold everything. The loop looks at it now, and compares the books once more.
            wakeup.Ask(page.Facts.Day);
            return null;
        }, cancel);

    private static Task<IResult> RepairAsync(string date, ClaimsPrincipal user, DayCommands commands, CancellationToken cancel) =>
        commands.DoAsync(date, user, _ => CommandKind.RepairDay, cancel,
            refuse: page => page.Facts.Attempt is null ? $"{page.Facts.Day} has not been ended: end it first, the rows of an open day are still being read" : null);

    private static async Task<IResult> AcceptAsync(
        string date, AcceptRequest request, ClaimsPrincipal user, DayAcceptance acceptance, DayQuery query, Wakeup wakeup, CancellationToken cancel)
    {
        var asked = new Asked();
        var (day, reason) = (asked.Day("date", date), asked.Reason(request.Reason));
        if (asked.Problem is { } problem) return problem;
        if (await acceptance.AcceptAsync(day, request.Attempt, OperatorAuth.Name(user), reason, cancel) is { } refusal) return Problems.Refused(refusal);
        return Results.Accepted($"/days/{day}", DayView.Of(await query.ReadAsync(day, cancel), wakeup));
    }
}

/// <summary>Commands about a day: through the commands topic, so that everybody sees who asked for what.</summary>
internal sealed class DayCommands(DayQuery query, IControlLog control, Wakeup wakeup, SettlementOptions options, TimeProvider time)
{
    /// <param name="choose">The command that the day needs, or null when none.</param>
    /// <param name="refuse">Why the day can't have it, or null when it can.</param>
    /// <returns>202 with the day as it stands; what was started shows in it later.</returns>
    public async Task<IResult> DoAsync(
        string date, ClaimsPrincipal user, Func<DayPage, CommandKind?> choose, CancellationToken cancel, Func<DayPage, string?>? refuse = null)
    {
        var asked = new Asked();
        var day = asked.Day("date", date);
        if (asked.Problem is { } problem) return problem;
        var today = new BusinessDay(Instant.FromDateTimeOffset(time.GetUtcNow()).InZone(options.Zone).Date.ToDateOnly());
        if (day > today) return Problems.InTheFuture(day, today, options.BusinessZone);

        var page = await query.ReadAsync(day, cancel);
        if (refuse?.Invoke(page) is { } refusal) return Problems.Refused(refusal);
        if (choose(page) is { } kind && !await control.TrySendAsync(new ControlCommand(kind, day, OperatorAuth.NameOrAnonymous(user)), cancel))
            return Problems.NotSent(options.Topics.Commands);
        return Results.Accepted($"/days/{day}", DayView.Of(page, wakeup));
    }
}
