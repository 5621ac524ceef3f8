using System.Globalization;
using Spectre.Console;
using StreamSettlement.Cli.Demo;

namespace StreamSettlement.Cli.Chaos;

/// <summary>The report as a person reads it.</summary>
internal static class ChaosSummary
{
    private static readonly (FaultKind Kind, string Name)[] OfProcesses = [(FaultKind.Kill, "kill -9"), (FaultKind.Suspend, "SIGSTOP"), (FaultKind.Restart, "restart")];

    public static void Write(Terminal terminal, ChaosReport report)
    {
        terminal.Line();
        Faults(terminal, report);
        Rows(terminal, report);
        foreach (var ended in report.Ended) terminal.Line($"  ended by itself, and was started again: {ended}");
        terminal.Line();
        foreach (var comparison in report.Compared) terminal.Line($"  {comparison}");
        terminal.Line();
        var run = string.Create(CultureInfo.InvariantCulture, $"seed {report.Settings.Seed}, {report.Settings.Duration.TotalMinutes:0.#} minutes and {(report.Elapsed - report.Settings.Duration).TotalSeconds:0} s to settle; compared to the unit and the micro-won");
        terminal.Ansi.MarkupLine(report.IsEqual
            ? $"[green]equal[/]: {report.Survived.Values.Sum():N0} faults survived, the books are what the source says"
            : $"[red]NOT equal[/]{(report.Posted ? "" : ": not every day is posted")}");
        if (report.NeverDone.Count > 0) terminal.Line($"NOT proved: none of these faults could be done: {string.Join(", ", report.NeverDone)}");
        terminal.Line(run);
    }

    private static void Faults(Terminal terminal, ChaosReport report)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("survived");
        foreach (var (_, name) in OfProcesses) table.AddColumn(new TableColumn(name).RightAligned());
        foreach (var target in report.Survived.Keys.Select(fault => fault.Target).Where(target => target.Length > 0).Distinct().Order(StringComparer.Ordinal))
            table.AddRow([target, .. OfProcesses.Select(column => $"{report.Survived.GetValueOrDefault((column.Kind, target))}")]);
        terminal.Ansi.Write(table);
    }

    private static void Rows(Terminal terminal, ChaosReport report)
    {
        var rows = report.Rows;
        terminal.Line($"  source        {rows.Written:N0} rows; {rows.LateCommits} transactions committed late, {rows.LateRollbacks} rolled back; {Of(FaultKind.EndDay)} days ended while their rows came");
        terminal.Line($"  poison        {rows.Poison} rows of contents that did not exist, redriven; {rows.Undecodable} records of bytes that mean nothing, discarded");
        terminal.Line($"  repetitions   {rows.Resent:N0} records produced once more, offsets set back {Of(FaultKind.Rewind)} times");
        terminal.Line($"  counted       {rows.CountedViews:N0} views, {rows.CountedAds:N0} ad views, {rows.Late:N0} of them after their day had ended, out of {rows.Records:N0} records");
        terminal.Line($"  paid          {PipelineSummary.Won(rows.PayoutMicros)} in {rows.Runs} runs for {ChaosPlan.Days} days");
        terminal.Line($"  takeover      {Describe(report.Takeover)}");

        int Of(FaultKind kind) => report.Survived.GetValueOrDefault((kind, ""));
    }

    private static string Describe(Takeover? takeover) => takeover switch
    {
        { All: { } all, First: { } first } => string.Create(CultureInfo.InvariantCulture,
            $"{takeover.Partitions} partitions of a killed aggregator were counted on {first.TotalSeconds:0.0} to {all.TotalSeconds:0.0} s after kill -9; session timeout {ChaosSettings.Session.TotalSeconds:0} s"),
        { } => $"{takeover.Partitions} partitions of a killed aggregator: not all were counted on before it was back",
        null => "not measured",
    };
}
