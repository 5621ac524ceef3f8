using System.CommandLine;
using StreamSettlement.Cli.Api;
using StreamSettlement.Contracts;

namespace StreamSettlement.Cli.Commands;

/// <summary>Ending, closing, repairing and accepting days, through the API alone: the same against any deployment.</summary>
internal static class DayCommands
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);

    public static Command EndDay(Terminal terminal, TimeProvider time)
    {
        var day = Options.DayArgument();
        var command = new Command("end-day", "End a business day: its cutoff is fixed now, what is below it gets published and marked.") { day };
        command.SetAction(async (parsed, token) =>
        {
            var date = parsed.GetRequiredValue(day)!.Value;
            using var api = SettlementApi.FromEnvironment(LocalStates.Running, time);
            await api.EndDayAsync(date, token);
            terminal.Line($"{date}: asked ingest to end the day");
            return ExitCodes.Done;
        });
        return command;
    }

    public static Command Close(Terminal terminal, TimeProvider time)
    {
        var day = Options.DayArgument();
        var patience = Options.Number("--timeout", "Seconds to wait for Posted.", 300, 1);
        var command = new Command("close", "End the day if needed and wait until it is posted; never forces.") { day, patience };
        command.SetAction(async (parsed, token) =>
        {
            var date = parsed.GetRequiredValue(day)!.Value;
            using var api = SettlementApi.FromEnvironment(LocalStates.Running, time);
            await api.CloseDayAsync(date, token);
            var state = await AwaitPostedAsync(api, date, TimeSpan.FromSeconds(parsed.GetValue(patience)), time, token);
            return await ReportAsync(terminal, date, state, state.IsPosted);
        });
        return command;
    }

    public static Command Repair(Terminal terminal, TimeProvider time)
    {
        var day = Options.DayArgument();
        var patience = Options.Number("--timeout", "Seconds to wait for the outcome.", 300, 1);
        var command = new Command("repair", "Publish a day's rows again, mark it with its next attempt, and wait until that is posted.") { day, patience };
        command.SetAction(async (parsed, token) =>
        {
            var date = parsed.GetRequiredValue(day)!.Value;
            using var api = SettlementApi.FromEnvironment(LocalStates.Running, time);
            var before = await api.DayAsync(date, token) ?? DayState.Unknown;
            await api.RepairDayAsync(date, token);
            var state = await AwaitAsync(api, date, seen => seen.Attempt > (before.Attempt ?? 0) && (seen.IsUpToDate || seen.IsStuck),
                TimeSpan.FromSeconds(parsed.GetValue(patience)), time, token);
            return await ReportAsync(terminal, date, state, state.Attempt > (before.Attempt ?? 0) && state.IsUpToDate);
        });
        return command;
    }

    public static Command Accept(Terminal terminal, TimeProvider time)
    {
        var day = Options.DayArgument();
        var reason = Options.Reason();
        var patience = Options.Number("--timeout", "Seconds to wait for Posted.", 300, 1);
        var command = new Command("accept", "Accept the difference of a day that repairs did not help, in the name of SETTLEMENT_TOKEN, and wait until it is posted.")
        {
            day, reason, patience,
        };
        command.SetAction(async (parsed, token) =>
        {
            var date = parsed.GetRequiredValue(day)!.Value;
            using var api = SettlementApi.FromEnvironment(LocalStates.Running, time);
            var before = await api.DayAsync(date, token) ?? DayState.Unknown;
            await api.AcceptDayAsync(date, before.Attempt, parsed.GetRequiredValue(reason), token);
            terminal.Line($"{date}: accepted: {before.Detail}");
            var state = await AwaitAsync(api, date, seen => seen.IsUpToDate, TimeSpan.FromSeconds(parsed.GetValue(patience)), time, token);
            return await ReportAsync(terminal, date, state, state.IsUpToDate);
        });
        return command;
    }

    /// <summary>Waits until the day is posted, is refused for a reason that waiting does not mend, or the time is up.</summary>
    public static Task<DayState> AwaitPostedAsync(SettlementApi api, BusinessDay day, TimeSpan patience, TimeProvider time, CancellationToken token) =>
        AwaitAsync(api, day, state => !state.MayChange, patience, time, token);

    private static async Task<DayState> AwaitAsync(
        SettlementApi api, BusinessDay day, Func<DayState, bool> reached, TimeSpan patience, TimeProvider time, CancellationToken token)
    {
        for (var start = time.GetTimestamp(); ; await Task.Delay(Poll, time, token))
        {
            var state = await api.DayAsync(day, token) ?? DayState.Unknown;
            if (reached(state) || time.GetElapsedTime(start) > patience) return state;
        }
    }

    private static async Task<int> ReportAsync(Terminal terminal, BusinessDay day, DayState state, bool done)
    {
        if (done)
        {
            terminal.Line($"{day}: Posted");
            return ExitCodes.Done;
        }
        await terminal.Error.WriteLineAsync($"{day}: {state.Status}, refused: {state.Refusal ?? "not posted in time"}{(state.Detail is null ? "" : $" ({state.Detail})")}");
        return ExitCodes.Refused;
    }
}
