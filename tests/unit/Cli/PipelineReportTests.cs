using System.Text.Json;
using StreamSettlement.Cli;
using StreamSettlement.Cli.Demo;

namespace StreamSettlement.UnitTests.Cli;

public sealed class PipelineReportTests
{
    private static readonly PipelineReport Report = new(
        "2026-11-21", 1, 1_000, 500, 801, 801, 500, 0, 0, 801, 500, new StageSeconds(1, 2, 3, 4, 7), 214,
        new Dictionary<string, double> { ["ingest"] = 120.5 }, new Dictionary<string, double> { ["ingest"] = 3.2, ["postgres"] = 1.8 },
        new Dictionary<string, string> { ["source"] = "MySQL 9.7.4" }, 5_801_000_000, 5_801_000_000, true, "Posted", null, 0.4, [new CreatorPayout(7, 300, 200, 2_300_100_000)]);

    [Fact]
    public void The_JSON_has_the_public_names()
    {
        using var json = JsonDocument.Parse(Report.ToJson());
        var root = json.RootElement;
        foreach (var name in new[] { "logs", "ads", "counted_views", "counted_ads", "dead_letters", "seconds", "rows_per_second", "peak_rss_mb", "payout_micros", "status", "cpu_seconds_total", "servers" })
            Assert.True(root.TryGetProperty(name, out _), name);
        foreach (var name in new[] { "generate", "ingest", "aggregate", "settle", "pipeline" })
            Assert.True(root.GetProperty("seconds").TryGetProperty(name, out _), name);
        Assert.Equal(120.5, root.GetProperty("peak_rss_mb").GetProperty("ingest").GetDouble());
        Assert.Equal(5_801_000_000, root.GetProperty("payout_micros").GetInt64());
        Assert.Equal("Posted", root.GetProperty("status").GetString());
    }

    [Fact]
    public void The_summary_shows_the_reconciliation_and_the_top_creators()
    {
        var output = new StringWriter();
        PipelineSummary.Write(Terminal.Plain(output, output), Report);
        var text = output.ToString();
        Assert.Contains("2026-11-21 is posted", text, StringComparison.Ordinal);
        Assert.Contains("source 801 COMPLETED = rollup 801 = paid 801", text, StringComparison.Ordinal);
        Assert.Contains("reconciled", text, StringComparison.Ordinal);
        Assert.Contains("ingest 3.2 s   postgres 1.8 s   together 5.0 s", text, StringComparison.Ordinal);
        Assert.Contains("MySQL 9.7.4", text, StringComparison.Ordinal);
        Assert.Contains("creator 7", text, StringComparison.Ordinal);
        Assert.Contains("2,300.100000", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(1_234_000_000, "1,234")]
    [InlineData(1_234_500_000, "1,234.500000")]
    [InlineData(-1_500_000, "-1.500000")]
    [InlineData(-500_000, "-0.500000")]
    public void Won_are_shown_whole_or_to_the_micro(long micros, string shown) => Assert.Equal(shown, PipelineSummary.Won(micros));
}
