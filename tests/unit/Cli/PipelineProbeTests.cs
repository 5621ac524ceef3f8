using StreamSettlement.Cli.Demo;

namespace StreamSettlement.UnitTests.Cli;

public sealed class PipelineProbeTests
{
    [Fact]
    public void A_metric_is_summed_over_its_labels_and_not_mixed_up_with_a_longer_name()
    {
        const string metrics = """
            # TYPE rows_total counter
            rows_total{stream="view-logs"} 12
            rows_total{stream="ad-views"} 30.5
            rows_total_created 99
            first_read 1795000000.25
            """;
        Assert.Equal(42.5, PipelineProbe.Sum(metrics, "rows_total"));
        Assert.Equal(1795000000.25, PipelineProbe.Sum(metrics, "first_read"));
        Assert.Equal(0, PipelineProbe.Sum(metrics, "absent"));
    }
}
