using System.Diagnostics.Metrics;
using StreamSettlement.Hosting;

namespace StreamSettlement.UnitTests.Hosting;

public class PrometheusTextTests
{
    [Fact]
    public void Counters_gauges_and_histograms_stand_in_the_text_format()
    {
        // A meter of this test's own: the listener hears every meter of the process.
        using var meter = new Meter($"StreamSettlement.Test.{nameof(Counters_gauges_and_histograms_stand_in_the_text_format)}");
        using var text = new PrometheusText();
        text.Start();
        var rows = meter.CreateCounter<long>("probe_rows_total", description: "Rows.");
        meter.CreateObservableGauge("probe_lag_rows", () => 7L, description: "Lag.");
        var seconds = meter.CreateHistogram<double>("probe_commit_seconds", advice: new() { HistogramBucketBoundaries = [0.1, 1] });
        rows.Add(2, new KeyValuePair<string, object?>("stream", "view-logs"));
        rows.Add(3, new KeyValuePair<string, object?>("stream", "view-logs"));
        seconds.Record(0.5);
        seconds.Record(5);

        var written = text.Write();

        Assert.Contains("# HELP probe_rows_total Rows.\n# TYPE probe_rows_total counter\nprobe_rows_total{stream=\"view-logs\"} 5\n", written, StringComparison.Ordinal);
        Assert.Contains("# TYPE probe_lag_rows gauge\nprobe_lag_rows 7\n", written, StringComparison.Ordinal);
        Assert.Contains(
            "probe_commit_seconds_bucket{le=\"0.1\"} 0\nprobe_commit_seconds_bucket{le=\"1\"} 1\nprobe_commit_seconds_bucket{le=\"+Inf\"} 2\n" +
            "probe_commit_seconds_sum 5.5\nprobe_commit_seconds_count 2\n",
            written, StringComparison.Ordinal);
        Assert.Contains("process_resident_memory_bytes ", written, StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_may_hold_quotes_and_newlines()
    {
        using var meter = new Meter($"StreamSettlement.Test.{nameof(A_label_may_hold_quotes_and_newlines)}");
        using var text = new PrometheusText();
        text.Start();
        meter.CreateCounter<long>("probe_quoted_total").Add(1, new KeyValuePair<string, object?>("reason", "a \"b\"\nc\\d"));
        Assert.Contains("probe_quoted_total{reason=\"a \\\"b\\\"\\nc\\\\d\"} 1\n", text.Write(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_series_that_is_no_longer_observed_is_gone()
    {
        using var meter = new Meter($"StreamSettlement.Test.{nameof(A_series_that_is_no_longer_observed_is_gone)}");
        using var text = new PrometheusText();
        text.Start();
        var partitions = new List<int> { 0, 1 };
        meter.CreateObservableGauge("probe_partition_lag", () =>
            partitions.Select(partition => new Measurement<long>(5, new KeyValuePair<string, object?>("partition", partition))));
        Assert.Contains("probe_partition_lag{partition=\"1\"} 5", text.Write(), StringComparison.Ordinal);
        partitions.Remove(1);
        Assert.DoesNotContain("probe_partition_lag{partition=\"1\"}", text.Write(), StringComparison.Ordinal);
    }
}
