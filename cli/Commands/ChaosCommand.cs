using System.CommandLine;
using StreamSettlement.Cli.Chaos;

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
        var servers = new ServerOptions(command, running: true);
        command.SetAction(async (parsed, token) =>
        {
            var settings = new ChaosSettings(
                TimeSpan.FromMinutes(parsed.GetValue(minutes)), parsed.GetValue(seed), parsed.GetValue(rate), GeneratorOptions.Today(time).AddDays(-1));
            await using var stack = await LocalStates.FreshStackAsync(LocalStates.Chaos, ChaosSettings.Stack with { Servers = await servers.ReadAsync(parsed, token) }, terminal, time, token);
            var report = await new ChaosRun(stack, settings, terminal, time).RunAsync(token);
            ChaosSummary.Write(terminal, report);
            if (!report.Passes) terminal.Line($"logs: {stack.State.LogDirectory}");
            if (parsed.GetValue(keep))
            {
                stack.Detach();
                terminal.Line("Everything still runs: ./settlement status, env, down");
            }
            return report.Passes ? ExitCodes.Done : ExitCodes.Refused;
        });
        return command;
    }
}
