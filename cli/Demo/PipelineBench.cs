using StreamSettlement.Cli.Commands;
using StreamSettlement.DevStack.Generator;

namespace StreamSettlement.Cli.Demo;

/// <summary>The same pipeline several times, and with many times the rows.</summary>
internal sealed class PipelineBench(Terminal terminal, TimeProvider time)
{
    private static readonly string[] Processes = ["ingest", "aggregator", "settlement", "broker"];

    /// <returns>0 when every run was posted and reconciled.</returns>
    public async Task<int> RunAsync(GeneratorSettings rows, int runs, int scale, FileInfo? chart, CancellationToken token)
    {
        var reports = new List<PipelineReport>();
        for (var run = 0; run < runs; run++) reports.Add(await RunOnceAsync(rows, token));
        Write(rows, reports);
        if (chart is not null)
        {
            var svg = PipelineChart.Svg(rows.Logs, rows.Ads, Median(reports, report => report.Seconds.Pipeline), Median(reports, report => report.GroupBySeconds));
            await File.WriteAllTextAsync(chart.FullName, svg, token);
            terminal.Line($"drawn to {chart.FullName}");
        }
        if (scale > 1)
        {
            var large = rows with { Logs = checked(rows.Logs * scale), Ads = checked(rows.Ads * scale) };
            var report = await RunOnceAsync(large, token);
            Write(large, [report]);
            Compare(Median(reports, report => report.Seconds.Pipeline), reports, report, scale);
            reports.Add(report);
        }
        return reports.TrueForAll(report => report.Reconciled) ? ExitCodes.Done : ExitCodes.Refused;
    }

    private async Task<PipelineReport> RunOnceAsync(GeneratorSettings rows, CancellationToken token)
    {
        var quiet = Terminal.Plain(TextWriter.Null, terminal.Error);
        terminal.Line($"running {rows.Logs:N0} view logs and {rows.Ads:N0} ad views …");
        return await DemoCommand.RunAsync(new PipelineSettings(rows), LocalStates.Bench, quiet, time, keep: false, token);
    }

    private void Write(GeneratorSettings rows, IReadOnlyList<PipelineReport> reports)
    {
        terminal.Line($"{rows.Logs:N0} view logs + {rows.Ads:N0} ad views, {rows.Contents:N0} contents, {rows.Creators:N0} creators, seed {rows.Seed}");
        terminal.Line("  generate   ingest  aggregate  settle  pipeline      rows/s   peak MB ingest / aggregator / settlement / broker   status");
        foreach (var report in reports)
        {
            var (seconds, peaks) = (report.Seconds, report.PeakRssMb);
            terminal.Line($"  {seconds.Generate,7:0.0} s {seconds.Ingest,6:0.0} s {seconds.Aggregate,8:0.0} s {seconds.Settle,5:0.0} s {seconds.Pipeline,7:0.0} s {report.RowsPerSecond,11:N0}   " +
                $"{string.Join(" / ", Processes.Select(name => peaks.TryGetValue(name, out var peak) ? $"{peak:0}" : "?"))}   {report.Status}{(report.Reconciled ? "" : ", NOT reconciled")}");
            terminal.Line($"             cpu s  {string.Join("   ", report.CpuSeconds.Select(process => $"{process.Key} {process.Value:0.0}"))}");
        }
    }

    private void Compare(double seconds, IReadOnlyList<PipelineReport> small, PipelineReport large, int scale)
    {
        terminal.Line($"{scale} times the rows: {large.Seconds.Pipeline / seconds:0.00} times the time");
        foreach (var (name, peak) in large.PeakRssMb)
            terminal.Line($"  {name,-12}{peak / Median(small, report => report.PeakRssMb.GetValueOrDefault(name)):0.00} times the memory");
    }

    private static double Median(IReadOnlyList<PipelineReport> reports, Func<PipelineReport, double> of) =>
        reports.Select(of).Order().ElementAt(reports.Count / 2);
}
