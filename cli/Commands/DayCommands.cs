using System.CommandLine;
using StreamSettlement.Cli.Api;
using StreamSettlement.Contracts;

namespace StreamSettlement.Cli.Commands;

/// <summary>Ending and closing days, through the API alone: the same against any deployment.</summary>
internal static class DayCommands
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);

    public static Command EndDay(Terminal terminal)
    {
        var day = Options.DayArgument();
        var command = new Command("end-day", "End a business day: its cutoff is fixed now, what is below it gets published and marked.") { day };
        command.SetAction(async (parsed, token) =>
        {
            var date = parsed.GetRequiredValue(day)!.Value;
            using var api = SettlementApi.FromEnvironment(LocalStates.Running);
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
            using var api = SettlementApi.FromEnvironment(LocalStates.Running);
            await api.CloseDayAsync(date, token);
            var state = await AwaitPostedAsync(api, date, TimeSpan.FromSeconds(parsed.GetValue(patience)), time, token);
            if (state.IsPosted)
            {
                terminal.Line($"{date}: Posted");
                return ExitCodes.Done;
            }
            await terminal.Error.WriteLineAsync($"{date}: {state.Status}, refused: {state.Refusal ?? "not posted in time"}{(state.Detail is null ? "" : $" ({state.Detail})")}");
            return ExitCodes.Refused;
        });
        return command;
    }

    /// <summary>Waits until the day is posted, is refused for a reason that waiting does not mend, or the time is up.</summary>
    public static async Task<DayState> AwaitPostedAsync(SettlementApi api, BusinessDay day, TimeSpan patience, TimeProvider time, CancellationToken token)
    {
        for (var start = time.GetTimestamp(); ; await Task.Delay(Poll, time, token))
        {
            var state = await api.DayAsync(day, token) ?? DayState.Unknown;
            if (!state.MayChange || time.GetElapsedTime(start) > patience) return state;
        }
    }
}
