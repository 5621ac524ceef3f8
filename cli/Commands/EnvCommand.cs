using System.CommandLine;

namespace StreamSettlement.Cli.Commands;

/// <summary>Prints the running stack's addresses: <c>eval "$(./settlement env)"</c>.</summary>
internal static class EnvCommand
{
    public static Command Create(Terminal terminal, TimeProvider time)
    {
        var command = new Command("env", "Print the running stack's addresses, passwords and a token for decisions as shell variables.");
        command.SetAction(_ =>
        {
            foreach (var (name, value) in LocalStates.Running().Variables(time.GetUtcNow())) terminal.Line($"{name}={ShellQuote(value)}");
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>The value as one word of a POSIX shell: as it is where no character means anything, otherwise in single quotes.</summary>
    public static string ShellQuote(string value) =>
        value.Length > 0 && value.All(c => char.IsAsciiLetterOrDigit(c) || "_-./:@%+,".Contains(c)) ? value : $"'{value.Replace("'", "'\\''")}'";
}
