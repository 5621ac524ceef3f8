using StreamSettlement.Contracts;

namespace StreamSettlement.UnitTests.Contracts;

public class SourceTimeTests
{
    [Fact]
    public void Microseconds_survive_the_way_there_and_back()
    {
        var utc = new DateTime(2026, 11, 21, 15, 4, 5, DateTimeKind.Utc).AddTicks(1_234_560);
        var time = SourceTime.FromUtc(utc);
        Assert.Equal(utc, time.ToUtc());
        Assert.Equal("2026-11-21T15:04:05.123456Z", time.ToString());
    }

    [Fact]
    public void A_span_moves_it_by_whole_microseconds()
    {
        var time = new SourceTime(10_000_000);
        Assert.Equal(new SourceTime(5_000_000), time - TimeSpan.FromSeconds(5));
        Assert.Equal(TimeSpan.FromSeconds(5), time - new SourceTime(5_000_000));
    }
}
