using StreamSettlement.Cli.Commands;
using StreamSettlement.DevStack.Generator;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Cli.Demo;

/// <summary>The same pipeline several times, and with many times the rows.</summary>
internal sealed class PipelineBench(Terminal terminal, ServerChoice servers, TimeProvider time)
{
    /// <returns>0 when every run was posted and reconciled.</returns>
    public async Task<int> RunAsync(GeneratorSettings rows, int runs, int scale, FileInfo? chart, CancellationToken token)
    {
        var reports = new List<PipelineReport>();
        for (var run = 0; run < runs; run++) reports.Add(await RunOnceAsync(rows, token));
        Write(rows, reports);
        if (chart is not null)
        {
            var svg = PipelineChart.Svg(rows.Logs, rows.Ads, reports[0].Servers["source"], Median(reports, report => report.Seconds.Pipeline), Median(reports, report => report.GroupBySeconds));
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
        return await DemoCommand.RunAsync(new PipelineSettings(rows), servers, LocalStates.Bench, quiet, time, keep: false, token);
    }

    private void Write(GeneratorSettings rows, List<PipelineReport> reports)
    {
        terminal.Line($"{rows.Logs:N0} view logs + {rows.Ads:N0} ad views, {rows.Contents:N0} contents, {rows.Creators:N0} creators, seed {rows.Seed}; {string.Join(", ", reports[0].Servers.Values)}");
        terminal.Line("  generate   ingest  aggregate  settle  pipeline      rows/s   peak MB   status");
        foreach (var report in reports)
        {
            var (seconds, peaks) = (report.Seconds, report.PeakRssMb);
            terminal.Line($"  {seconds.Generate,7:0.0} s {seconds.Ingest,6:0.0} s {seconds.Aggregate,8:0.0} s {seconds.Settle,5:0.0} s {seconds.Pipeline,7:0.0} s {report.RowsPerSecond,11:N0}   " +
                $"{string.Join("  ", peaks.Select(peak => $"{peak.Key} {peak.Value:0}"))}   {report.Status}{(report.Reconciled ? "" : ", NOT reconciled")}");
            terminal.Line($"             processor seconds  {string.Join("   ", report.CpuSeconds.Select(process => $"{process.Key} {process.Value:0.0}"))}   together {report.CpuSecondsTotal:0.0}");
            terminal.Line($"             {report.RowsPerCoreSecond:N0} rows per core-second; {(report.GroupBySeconds > 0 ? seconds.Pipeline / report.GroupBySeconds : 0):0.0} times one GROUP BY over the same view logs ({report.GroupBySeconds:0.00} s)");
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
