using Spectre.Console;

namespace StreamSettlement.Cli;

/// <summary>Where a command writes to.</summary>
/// <param name="Interactive">True when a person looks at a terminal: bars and colours; otherwise plain lines.</param>
internal sealed record Terminal(TextWriter Out, TextWriter Error, IAnsiConsole Ansi, bool Interactive)
{
    public static Terminal OfConsole() => Console.IsOutputRedirected
        ? Plain(Console.Out, Console.Error)
        : new(Console.Out, Console.Error, AnsiConsole.Console, AnsiConsole.Profile.Capabilities.Interactive);

    /// <summary>Everything into <paramref name="output"/> as plain lines.</summary>
    public static Terminal Plain(TextWriter output, TextWriter error) =>
        new(output, error, AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Out = new AnsiConsoleOutput(output) }), Interactive: false);

    public void Line(string text = "") => Out.WriteLine(text);
}
