using StreamSettlement.Hosting;

namespace StreamSettlement.UnitTests.Hosting;

public class ReadinessTests
{
    [Fact]
    public void A_service_is_ready_when_everything_it_depends_on_is_up()
    {
        var readiness = new Readiness();
        Assert.False(readiness.IsReady);
        readiness.Expect("mysql");
        readiness.Expect("kafka");
        readiness.Up("mysql");
        Assert.False(readiness.IsReady);
        readiness.Up("kafka");
        Assert.True(readiness.IsReady);
    }

    [Fact]
    public void What_is_down_is_named_with_its_reason()
    {
        var readiness = new Readiness();
        readiness.Up("kafka");
        readiness.Down("mysql", "connection refused");
        Assert.False(readiness.IsReady);
        Assert.Equal("connection refused", readiness.Snapshot()["mysql"]);
        Assert.Null(readiness.Snapshot()["kafka"]);
    }
}
