using StreamSettlement.Cli;
using StreamSettlement.Cli.Chaos;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Truth;

namespace StreamSettlement.UnitTests.Cli;

public sealed class ChaosSummaryTests
{
    private static readonly Comparison Equal = Comparison.Of("views", ["a 1"], ["a 1"]);
    private static readonly Comparison Different = Comparison.Of("views", ["a 1"], ["a 2"]);

    [Fact]
    public void Equal_books_of_posted_days_are_the_verdict()
    {
        var report = Report(posted: true, Equal);
        Assert.True(report.IsEqual);
        var said = Written(report);
        Assert.Contains("equal: 3 faults survived", said, StringComparison.Ordinal);
        Assert.Contains("seed 7, 2 minutes and 15 s to settle", said, StringComparison.Ordinal);
        Assert.Contains("8 partitions of a killed aggregator were counted on 6.2 to 6.5 s after kill -9", said, StringComparison.Ordinal);
    }

    [Fact]
    public void What_differs_is_shown_with_both_numbers()
    {
        var report = Report(posted: true, Equal, Different);
        Assert.False(report.IsEqual);
        var said = Written(report);
        Assert.Contains("NOT equal", said, StringComparison.Ordinal);
        Assert.Contains("the source says  a 1", said, StringComparison.Ordinal);
        Assert.Contains("the books say  a 2", said, StringComparison.Ordinal);
    }

    [Fact]
    public void A_day_that_is_not_posted_is_no_success_however_equal_the_rest()
    {
        var report = Report(posted: false, Equal);
        Assert.False(report.IsEqual);
        Assert.Contains("NOT equal: not every day is posted", Written(report), StringComparison.Ordinal);
    }

    [Fact]
    public void Each_process_has_its_line_with_what_it_survived()
    {
        var said = Written(Report(posted: true, Equal));
        Assert.Matches(@"broker +1 +0 +0", said);
        Assert.Matches(@"ingest-2 +0 +1 +0", said);
    }

    [Fact]
    public void A_run_in_which_some_fault_could_never_be_done_proves_nothing_about_it()
    {
        var report = Report(posted: true, Equal);
        Assert.False(report.Passes);
        Assert.Contains("NOT proved: none of these faults could be done: Restart, Resend, LateTransaction", Written(report), StringComparison.Ordinal);
        var all = report with { Survived = Enum.GetValues<FaultKind>().ToDictionary(kind => (kind, ""), _ => 1) };
        Assert.True(all.Passes);
        Assert.DoesNotContain("NOT", Written(all), StringComparison.Ordinal);
    }

    private static ChaosReport Report(bool posted, params Comparison[] compared) => new(
        new ChaosSettings(TimeSpan.FromMinutes(2), 7, 300, BusinessDay.Of(2026, 11, 21)),
        new ChaosRows(1_000, 2, 1, 3, 2, 400, 5_000, 600, 300, 12, 6, 3_600_000_000),
        new Dictionary<(FaultKind, string), int> { [(FaultKind.Kill, "broker")] = 1, [(FaultKind.Suspend, "ingest-2")] = 1, [(FaultKind.Rewind, "")] = 1 },
        [], new Takeover(8, TimeSpan.FromSeconds(6.2), TimeSpan.FromSeconds(6.5)), posted, compared, TimeSpan.FromSeconds(135));

    private static string Written(ChaosReport report)
    {
        using var output = new StringWriter();
        ChaosSummary.Write(Terminal.Plain(output, output), report);
        return output.ToString();
    }
}
