using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using StreamSettlement.Cli.Commands;
using StreamSettlement.DevStack;

namespace StreamSettlement.Cli;

/// <summary>The command: parsing, help, and what every failure looks like.</summary>
internal static class CommandLine
{
    // Not a RootCommand: that one calls itself by the name of its assembly.
    public static Command Root(Terminal terminal, TimeProvider time) => new("./settlement", "Stream Settlement: views from MySQL through Kafka to paid, reconciled days.")
    {
        new HelpOption(),
        new VersionOption(),
        DemoCommand.Create(terminal, time),
        UpCommand.Create(terminal, time),
        DownCommand.Create(terminal, time),
        StatusCommand.Create(terminal, time),
        EnvCommand.Create(terminal, time),
        GenerateCommand.Create(terminal, time),
        DayCommands.EndDay(terminal, time),
        DayCommands.Close(terminal, time),
        DayCommands.Repair(terminal, time),
        DayCommands.Accept(terminal, time),
        LetterCommands.List(terminal, time),
        LetterCommands.Redrive(terminal, time),
        LetterCommands.Discard(terminal, time),
        ResetCommand.Create(terminal, time),
        TestCommand.Create(terminal),
        BenchCommand.Create(terminal, time),
        ChaosCommand.Create(terminal, time),
    };

    /// <returns>The exit code; see <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, Terminal terminal, TimeProvider time, CancellationToken token)
    {
        try
        {
            return await ParseAndRunAsync(arguments, terminal, time, token);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            await terminal.Error.WriteLineAsync("interrupted; whatever it had started is stopped");
            return ExitCodes.Interrupted;
        }
        catch (PrerequisiteException e)
        {
            await terminal.Error.WriteLineAsync(e.Message);
            return ExitCodes.Prerequisite;
        }
        catch (DevStackException e)
        {
            await terminal.Error.WriteLineAsync(e.Message);
            return ExitCodes.Refused;
        }
        catch (Exception e)
        {
            // Nobody foresaw it: the stack says where. Left to the runtime it would be an abort (134), perhaps with a core dump.
            await terminal.Error.WriteLineAsync($"failed in a way that was not foreseen: {e}");
            return ExitCodes.Refused;
        }
    }

    private static async Task<int> ParseAndRunAsync(IReadOnlyList<string> arguments, Terminal terminal, TimeProvider time, CancellationToken token)
    {
        var parsed = Root(terminal, time).Parse(arguments);
        // Our own signal handling: the library's would end this process two seconds after Ctrl-C, with servers still stopping.
        var configuration = new InvocationConfiguration { Output = terminal.Out, Error = terminal.Error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        if (parsed.Errors.Count == 0) return await parsed.InvokeAsync(configuration, token);
        foreach (var error in parsed.Errors) await terminal.Error.WriteLineAsync(error.Message);
        await terminal.Error.WriteLineAsync();
        configuration.Output = terminal.Error;
        await Root(terminal, time).Parse([.. Path(parsed.CommandResult), "--help"]).InvokeAsync(configuration, token);
        return ExitCodes.Usage;
    }

    /// <summary>The names of the commands that were understood, without the root's.</summary>
    private static IEnumerable<string> Path(CommandResult result) =>
        result.Parent is CommandResult parent ? Path(parent).Append(result.Command.Name) : [];
}
