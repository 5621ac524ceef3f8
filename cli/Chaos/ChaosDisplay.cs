using System.Globalization;
using Spectre.Console;

namespace StreamSettlement.Cli.Chaos;

/// <summary>What happens, as lines with the time since the beginning, and where the run is: a live line for a person, one now and then otherwise.</summary>
internal sealed class ChaosDisplay
{
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(10);

    private readonly Terminal terminal;
    private readonly StatusContext? live;
    private readonly TimeProvider time;
    private readonly long start;
    private readonly Lock guard = new();
    private long? shownAt;

    private ChaosDisplay(Terminal terminal, StatusContext? live, TimeProvider time) =>
        (this.terminal, this.live, this.time, start) = (terminal, live, time, time.GetTimestamp());

    public TimeSpan Elapsed => time.GetElapsedTime(start);

    public static async Task<T> RunAsync<T>(Terminal terminal, TimeProvider time, Func<ChaosDisplay, Task<T>> work) => terminal.Interactive
        ? await terminal.Ansi.Status().StartAsync("", live => work(new ChaosDisplay(terminal, live, time)))
        : await work(new ChaosDisplay(terminal, null, time));

    public void Say(string line)
    {
        lock (guard)
        {
            // Through the console that draws the live line, or else the two would write over each other.
            if (live is null) terminal.Line($"{Clock()}  {line}");
            else terminal.Ansi.WriteLine($"{Clock()}  {line}");
        }
    }

    public void Status(string text)
    {
        lock (guard)
        {
            live?.Status(Markup.Escape($"{Clock()}  {text}"));
            if (live is not null || (shownAt is { } last && time.GetElapsedTime(last) < LineEvery)) return;
            shownAt = time.GetTimestamp();
            terminal.Line($"{Clock()}  {text}");
        }
    }

    private string Clock() => Elapsed.ToString(@"mm\:ss", CultureInfo.InvariantCulture);
}
