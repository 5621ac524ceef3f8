using System.CommandLine;
using StreamSettlement.Cli.Demo;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Cli.Commands;

/// <summary>From nothing to a paid day, in a state directory of its own that begins empty.</summary>
internal static class DemoCommand
{
    public static Command Create(Terminal terminal, TimeProvider time)
    {
        var command = new Command("demo", "Fill a source, stream it, close the day and show what came of it.");
        var rows = new GeneratorOptions(command, "The business day of the rows. Default: yesterday in Asia/Seoul.");
        var json = Options.Output("--json", "Write the figures to this file too.");
        var keep = new Option<bool>("--keep") { Description = "Leave everything running afterwards; ./settlement down stops it." };
        var servers = new ServerOptions(command, running: true);
        command.Options.Add(json);
        command.Options.Add(keep);
        command.SetAction(async (parsed, token) =>
        {
            var settings = new PipelineSettings(rows.Read(parsed, GeneratorOptions.Today(time).AddDays(-1)));
            var report = await RunAsync(settings, await servers.ReadAsync(parsed, token), LocalStates.Demo, terminal, time, parsed.GetValue(keep), token);
            PipelineSummary.Write(terminal, report);
            WhereToLook(terminal, report, parsed.GetValue(keep));
            if (parsed.GetValue(json) is { } file) await File.WriteAllTextAsync(file.FullName, report.ToJson() + "\n", token);
            return report.Status == "Posted" && report.Reconciled ? ExitCodes.Done : ExitCodes.Refused;
        });
        return command;
    }

    /// <summary>Runs the pipeline on an empty stack in <paramref name="state"/>, which is stopped unless it is kept.</summary>
    public static async Task<PipelineReport> RunAsync(
        PipelineSettings settings, ServerChoice servers, StateDirectory state, Terminal terminal, TimeProvider time, bool keep, CancellationToken token)
    {
        await using var stack = await LocalStates.FreshStackAsync(state, new LocalStackSettings { Servers = servers, Environment = PipelineSettings.ServiceEnvironment }, terminal, time, token);
        var report = await new PipelineRun(stack, settings, terminal, time).RunAsync(token);
        if (keep) stack.Detach();
        return report;
    }

    private static void WhereToLook(Terminal terminal, PipelineReport report, bool kept)
    {
        if (!kept)
        {
            terminal.Line("Look around in a stack that stays: ./settlement demo --keep");
            return;
        }
        var endpoints = LocalStates.Running();
        var api = endpoints.SettlementApi.ToString().TrimEnd('/');
        terminal.Line("Everything still runs:");
        terminal.Line($"  API      {api}/swagger   {api}/days/{report.Day}   {api}/top?period=day&date={report.Day}&kind=view&limit=10");
        terminal.Line("  SQL      eval \"$(./settlement env | sed 's/^/export /')\"; psql -c 'select * from settlement.day'");
        terminal.Line("  Kafka    kcat -b \"$KAFKA_BOOTSTRAP\" -L");
        terminal.Line("  stop     ./settlement down");
    }
}
