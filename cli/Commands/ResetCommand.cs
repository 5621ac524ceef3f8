using System.CommandLine;

namespace StreamSettlement.Cli.Commands;

/// <summary>Deletes the local state: databases, topics, logs, passwords.</summary>
internal static class ResetCommand
{
    public static Command Create(Terminal terminal, TimeProvider time)
    {
        var yes = new Option<bool>("--yes") { Description = "Yes, delete it." };
        var command = new Command("reset", "Stop the stack and delete its state: databases, topics, logs.") { yes };
        command.Validators.Add(result =>
        {
            if (!Options.TryGet(result, yes, out var said) || !said) result.AddError("reset deletes all local databases and topics: say --yes.");
        });
        command.SetAction(async (_, _) =>
        {
            await DownCommand.StopAsync(time);
            foreach (var state in LocalStates.All) state.Delete();
            terminal.Line($"deleted the state of stack, demo, bench and chaos under {LocalStates.Root}");
            return ExitCodes.Done;
        });
        return command;
    }
}
