using System.CommandLine;
using StreamSettlement.Cli.Display;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Generator;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Cli.Commands;

/// <summary>Fills the running stack's source, or streams into it.</summary>
internal static class GenerateCommand
{
    public static Command Create(Terminal terminal, TimeProvider time)
    {
        var command = new Command("generate", "Fill the source of the running stack, or stream into it with --rate.");
        var rows = new GeneratorOptions(command, "The business day of the rows. Default: today in Asia/Seoul.");
        var days = Options.Number("--days", "Spread the rows over this many days, the last of which is --day.", 1, 1, 3_660);
        var rate = Options.OptionalNumber("--rate", "Stream live instead: new rows per second; logs begin IN_PROGRESS and complete later.", 1, 100_000);
        var seconds = Options.OptionalNumber("--seconds", "With --rate: stop after this time. Default: Ctrl-C.", 1);
        command.Validators.Add(result =>
        {
            if (result.GetResult(seconds) is not null && result.GetResult(rate) is null) result.AddError("--seconds goes with --rate.");
            if (rows.Day(result) is { } last && Options.TryGet(result, days, out var many) && last.Date.DayNumber < many - 1)
                result.AddError($"--days is {many}: there are only {last.Date.DayNumber + 1} up to {last}.");
        });
        command.Options.Add(days);
        command.Options.Add(rate);
        command.Options.Add(seconds);
        command.SetAction((parsed, token) =>
        {
            var settings = rows.Read(parsed, GeneratorOptions.Today(time)) with { Days = parsed.GetValue(days) };
            return parsed.GetValue(rate) is { } perSecond
                ? StreamAsync(terminal, time, settings, perSecond, parsed.GetValue(seconds), token)
                : FillAsync(terminal, time, settings, token);
        });
        return command;
    }

    private static async Task<int> FillAsync(Terminal terminal, TimeProvider time, GeneratorSettings settings, CancellationToken token)
    {
        var filler = new SourceFiller(await SourceAsync(token), settings);
        var start = time.GetTimestamp();
        await StageDisplay.RunAsync(terminal, time, async display =>
        {
            var stage = display.Stage("generate", (long)settings.Logs + settings.Ads);
            await filler.FillAsync(stage, token);
        });
        var elapsed = time.GetElapsedTime(start).TotalSeconds;
        terminal.Line($"{settings.Logs:N0} view logs and {settings.Ads:N0} ad views in {elapsed:0.0} s");
        return ExitCodes.Done;
    }

    /// <exception cref="DevStackException">The stack reads somebody's source.</exception>
    private static async Task<MySqlDatabase> SourceAsync(CancellationToken token)
    {
        var source = LocalStates.Running().Source;
        await RunningServers.RefuseForeignAsync(source, token);
        return source;
    }

    private static async Task<int> StreamAsync(Terminal terminal, TimeProvider time, GeneratorSettings settings, int perSecond, int? seconds, CancellationToken token)
    {
        var live = new LiveGenerator(await SourceAsync(token), settings, perSecond, time);
        terminal.Line($"{perSecond:N0} new rows per second, {(seconds is null ? "until Ctrl-C" : $"for {seconds} s")}");
        try
        {
            await live.RunAsync(seconds is null ? null : TimeSpan.FromSeconds(seconds.Value), new LiveLines(terminal, time), token);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            terminal.Line("stopped; logs that had not ended stay IN_PROGRESS");
        }
        terminal.Line($"{live.Begun:N0} rows begun, {live.Ended:N0} view logs ended");
        return ExitCodes.Done;
    }

    /// <summary>A line every five seconds.</summary>
    private sealed class LiveLines(Terminal terminal, TimeProvider time) : IProgress<LiveGenerator>
    {
        private long last = time.GetTimestamp();

        public void Report(LiveGenerator value)
        {
            if (time.GetElapsedTime(last).TotalSeconds < 5) return;
            last = time.GetTimestamp();
            terminal.Line($"{value.Begun,12:N0} rows begun, {value.Ended,12:N0} view logs ended");
        }
    }
}
