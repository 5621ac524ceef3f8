using System.CommandLine;
using StreamSettlement.DevStack;

namespace StreamSettlement.Cli.Commands;

/// <summary>Stops whatever runs from this repository; its data stay.</summary>
internal static class DownCommand
{
    public static Command Create(Terminal terminal, TimeProvider time)
    {
        var command = new Command("down", "Stop the running stack; its data stay.");
        command.SetAction(async (_, _) =>
        {
            var stopped = await StopAsync(time);
            terminal.Line(stopped ? "stopped" : "nothing was running");
            return ExitCodes.Done;
        });
        return command;
    }

    /// <returns>False when nothing ran.</returns>
    public static async Task<bool> StopAsync(TimeProvider time)
    {
        var stopped = false;
        foreach (var state in LocalStates.All) stopped |= await LocalStack.StopAsync(state, time);
        return stopped;
    }
}
