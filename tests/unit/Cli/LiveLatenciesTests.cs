using Microsoft.Extensions.Time.Testing;
using StreamSettlement.Cli.Demo;

namespace StreamSettlement.UnitTests.Cli;

public sealed class LiveLatenciesTests
{
    private readonly FakeTimeProvider time = new();
    private readonly LiveLatencies latencies = new();

    [Fact]
    public void The_nth_row_is_visible_when_n_rows_are()
    {
        latencies.Committed(time.GetTimestamp(), 90, 0);
        time.Advance(TimeSpan.FromSeconds(1));
        latencies.Committed(time.GetTimestamp(), 100, 0);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(latencies.Visible(time.GetTimestamp(), 95, 0, time));
        Assert.Equal(5, latencies.Outstanding);
        time.Advance(TimeSpan.FromSeconds(4));
        Assert.True(latencies.Visible(time.GetTimestamp(), 100, 0, time));
        Assert.Equal(0, latencies.Outstanding);
        Assert.Equal(100, latencies.Rows);
        Assert.Equal(3, latencies.Percentile(0.5), 3);
        Assert.Equal(6, latencies.Percentile(1), 3);
    }

    [Fact]
    public void The_streams_are_counted_apart()
    {
        latencies.Committed(time.GetTimestamp(), 0, 10);
        time.Advance(TimeSpan.FromSeconds(1));
        latencies.Committed(time.GetTimestamp(), 10, 10);
        Assert.True(latencies.Visible(time.GetTimestamp(), 10, 0, time));
        Assert.Equal(0, latencies.Percentile(1), 3);
        Assert.Equal(10, latencies.Outstanding);
        Assert.False(latencies.Visible(time.GetTimestamp(), 10, 0, time));
    }
}
