using System.CommandLine;
using System.CommandLine.Parsing;
using StreamSettlement.Cli.Demo;
using StreamSettlement.DevStack;

namespace StreamSettlement.Cli.Commands;

/// <summary>Prints the figures that the project promises, with the command that made them; never part of the tests.</summary>
internal static class BenchCommand
{
    public static Command Create(Terminal terminal, TimeProvider time)
    {
        var command = new Command("bench", "Measure: the pipeline several times, ten times the rows, live latency, or writers at once.");
        var rows = new GeneratorOptions(command, "The business day of the rows. Default: yesterday in Asia/Seoul.");
        var runs = Options.Number("--runs", "Runs of the pipeline.", 3, 1, 100);
        var scale = Options.Number("--scale", "Also run with this many times the rows, and compare time and memory.", 1, 1, 1_000);
        var chart = Options.Output("--chart", "Draw the runs beside the nightly batch and one GROUP BY into this SVG file.");
        var live = new Option<bool>("--live") { Description = "Instead: stream live and measure from commit in MySQL to visible in the rollups." };
        var rate = Options.Number("--rate", "With --live: new rows per second.", 5_000, 1, 100_000);
        var seconds = Options.Number("--seconds", "With --live: how long.", 120, 1, 86_400);
        foreach (var option in new Option[] { runs, scale, chart, live, rate, seconds }) command.Options.Add(option);
        var servers = new ServerOptions(command, running: true);
        command.Validators.Add(result =>
        {
            var isLive = Options.TryGet(result, live, out var asked) && asked;
            if (!isLive && (Options.Given(result, rate) || Options.Given(result, seconds))) result.AddError("--rate and --seconds go with --live.");
            if (isLive && (Options.Given(result, runs) || Options.Given(result, scale) || Options.Given(result, chart))) result.AddError("--runs, --scale and --chart do not go with --live.");
            if (Options.TryGet(result, scale, out var times) && rows.Most(result) * times > int.MaxValue)
                result.AddError($"--scale is {times}: expected no more than {int.MaxValue:N0} logs or ad views in one run.");
        });
        command.SetAction(async (parsed, token) =>
        {
            var settings = rows.Read(parsed, GeneratorOptions.Today(time).AddDays(-1));
            return parsed.GetValue(live)
                ? await new LiveBench(terminal, await servers.ReadAsync(parsed, token), time).RunAsync(settings with { Day = GeneratorOptions.Today(time) }, parsed.GetValue(rate), TimeSpan.FromSeconds(parsed.GetValue(seconds)), token)
                : await new PipelineBench(terminal, await servers.ReadAsync(parsed, token), time).RunAsync(settings, parsed.GetValue(runs), parsed.GetValue(scale), parsed.GetValue(chart), token);
        });
        command.Subcommands.Add(Deadlocks(terminal));
        return command;
    }

    /// <summary>The races are a program of their own, as the tests are.</summary>
    private static Command Deadlocks(Terminal terminal)
    {
        var chart = Options.Output("--chart", "Draw throughput and deadlocks into this SVG file.");
        var command = new Command("deadlocks", "Writers at once over the same and over their own contents: row by row as before, and in chunks as now.") { chart };
        command.SetAction(async (parsed, token) =>
        {
            var project = Path.Combine(Repository.Root, "bench");
            terminal.Line("building the races …");
            if (await TestCommand.RunAsync("dotnet", ["build", project, "-c", TestCommand.Configuration, "--nologo", "-v", "quiet", "-clp:NoSummary"], token) is not 0 and var build) return build;
            var program = Path.Combine(project, "bin", TestCommand.Configuration, "net10.0", "StreamSettlement.Bench.dll");
            return await TestCommand.RunAsync("dotnet", [program, "deadlocks", .. parsed.GetValue(chart) is { } file ? (string[])[file.FullName] : []], token);
        });
        return command;
    }
}
