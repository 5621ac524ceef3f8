using Spectre.Console;
using StreamSettlement.Contracts;

namespace StreamSettlement.Cli.Demo;

/// <summary>The report as a person reads it.</summary>
internal static class PipelineSummary
{
    private const double NameWidth = 12;

    public static void Write(Terminal terminal, PipelineReport report)
    {
        var ansi = terminal.Ansi;
        terminal.Line();
        ansi.MarkupLine(report.Status == "Posted" ? $"[green]{report.Day} is posted[/]" : $"[red]{report.Day} is {report.Status}[/]");
        if (report.Refusal is { Length: > 0 } refusal) terminal.Line($"Not posted: {refusal}");
        terminal.Line();
        Stage(terminal, "generate", report.Logs + report.Ads, report.Seconds.Generate, "rows into the source (not part of the pipeline)");
        Stage(terminal, "ingest", report.Logs + report.Ads, report.Seconds.Ingest, "rows from MySQL to Kafka");
        Stage(terminal, "aggregate", report.Logs + report.Ads, report.Seconds.Aggregate, "records from Kafka into rollups, day sealed");
        Stage(terminal, "settle", report.TopCreators.Count == 0 ? 0 : report.PaidViews + report.PaidAds, report.Seconds.Settle, "units balanced, priced and posted");
        Stage(terminal, "pipeline", report.Logs + report.Ads, report.Seconds.Pipeline, "rows, from the first one read to Posted");
        terminal.Line($"{"  memory",-(int)NameWidth}{string.Join("   ", report.PeakRssMb.Select(process => $"{process.Key} {process.Value:0} MB"))}   (peak resident)");
        terminal.Line($"{"  processor",-(int)NameWidth}{string.Join("   ", report.CpuSeconds.Select(process => $"{process.Key} {process.Value:0.0} s"))}   together {report.CpuSecondsTotal:0.0} s");
        terminal.Line($"{"  servers",-(int)NameWidth}{string.Join("   ", report.Servers.Values)}");
        terminal.Line();
        Reconciliation(terminal, report);
        terminal.Line();
        Creators(terminal, report);
    }

    private static void Stage(Terminal terminal, string name, long rows, double seconds, string what) =>
        terminal.Line($"  {name,-10}{seconds,8:0.0} s {(seconds > 0 ? rows / seconds : 0),12:N0}/s   {rows:N0} {what}");

    private static void Reconciliation(Terminal terminal, PipelineReport report)
    {
        terminal.Line($"  views     source {report.CompletedViews:N0} COMPLETED = rollup {report.CountedViews:N0} = paid {report.PaidViews:N0}");
        terminal.Line($"  ad views  source {report.Ads:N0} = rollup {report.CountedAds:N0} = paid {report.PaidAds:N0}");
        terminal.Line($"  payout    {Won(report.PayoutMicros)} = ledger {Won(report.LedgerMicros)}");
        if (report.Excluded > 0) terminal.Line($"  excluded  {report.Excluded:N0} rows by the eligibility rule");
        if (report.DeadLetters > 0) terminal.Line($"  dead letters {report.DeadLetters:N0}: ./settlement status");
        terminal.Ansi.MarkupLine(report.Reconciled ? "  [green]reconciled[/]: source = rollup = payout = ledger, to the unit and the micro-won" : "  [red]NOT reconciled[/]");
    }

    private static void Creators(Terminal terminal, PipelineReport report)
    {
        if (report.TopCreators.Count == 0) return;
        var table = new Table().Border(TableBorder.Simple).AddColumn("top creators").AddColumn(new TableColumn("views").RightAligned())
            .AddColumn(new TableColumn("ad views").RightAligned()).AddColumn(new TableColumn("payout, KRW").RightAligned());
        foreach (var creator in report.TopCreators)
            table.AddRow($"creator {creator.CreatorId}", $"{creator.Views:N0}", $"{creator.Ads:N0}", Won(creator.AmountMicros));
        terminal.Ansi.Write(table);
    }

    /// <summary>Whole won with thousands, and the six decimals where there are any.</summary>
    public static string Won(long micros)
    {
        var fraction = Math.Abs(micros % Micros.PerUnit);
        return $"{(micros < 0 ? "-" : "")}{Math.Abs(micros / Micros.PerUnit):N0}{(fraction == 0 ? "" : $".{fraction:000000}")}";
    }
}
