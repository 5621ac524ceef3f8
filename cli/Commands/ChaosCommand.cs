using System.CommandLine;
using StreamSettlement.Cli.Chaos;
using StreamSettlement.DevStack;

namespace StreamSettlement.Cli.Commands;

/// <summary>Breaks a stack of its own at random, lets it settle and compares it with the source.</summary>
internal static class ChaosCommand
{
    public static Command Create(Terminal terminal, TimeProvider time)
    {
        var minutes = Options.Number("--minutes", "How long rows stream and faults happen; settling comes on top.", 2, (int)ChaosPlan.Least.TotalMinutes, 10_080);
        var seed = Options.Number("--seed", "The same seed gives the same schedule of faults, and the same rows.", 1, 0);
        var rate = Options.Number("--rate", "New rows per second.", 300, 10, 20_000);
        var keep = new Option<bool>("--keep") { Description = "Leave everything running afterwards; ./settlement down stops it." };
        var command = new Command("chaos", "Stream rows, kill, halt and restart everything at random, let it settle, compare all with the source.") { minutes, seed, rate, keep };
        command.SetAction(async (parsed, token) =>
        {
            var settings = new ChaosSettings(
                TimeSpan.FromMinutes(parsed.GetValue(minutes)), parsed.GetValue(seed), parsed.GetValue(rate), GeneratorOptions.Today(time).AddDays(-1));
            var state = await LocalStates.EmptiedAsync(LocalStates.Chaos, terminal, time);
            await using var stack = await LocalStack.StartServersAsync(state, ChaosSettings.Stack, terminal.Line, time, token);
            var report = await new ChaosRun(stack, settings, terminal, time).RunAsync(token);
            ChaosSummary.Write(terminal, report);
            if (!report.IsEqual) terminal.Line($"logs: {state.LogDirectory}");
            if (parsed.GetValue(keep))
            {
                stack.Detach();
                terminal.Line("Everything still runs: ./settlement status, env, down");
            }
            return report.IsEqual ? ExitCodes.Done : ExitCodes.Refused;
        });
        return command;
    }
}
