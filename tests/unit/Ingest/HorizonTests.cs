using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.UnitTests.Ingest;

public class HorizonTests
{
    private static readonly SourceTime Now = SourceTime.FromUtc(new DateTime(2026, 11, 21, 12, 0, 0, DateTimeKind.Utc));
    private static readonly TimeSpan Lag = TimeSpan.FromSeconds(5);

    [Fact]
    public void Nothing_open_leaves_the_safety_lag()
    {
        var horizon = Horizon.Of(Look(), Lag);
        Assert.Equal(Now - Lag, horizon.Below);
        Assert.Null(horizon.HeldBackBy);
    }

    [Theory]
    // Seconds that the transaction has been open, seconds that the horizon lies back.
    [InlineData(0, 5)]
    [InlineData(3.999, 5)]
    [InlineData(4, 5)]
    [InlineData(4.5, 5.5)]
    [InlineData(60, 61)]
    public void An_open_transaction_holds_the_horizon_a_second_before_its_start(double open, double back) =>
        Assert.Equal(Now - TimeSpan.FromSeconds(back), Horizon.Of(Look(open), Lag).Below);

    [Fact]
    public void The_oldest_of_all_holds_it_and_is_named()
    {
        var horizon = Horizon.Of(Look(10, 600, 20), Lag);
        Assert.Equal(Now - TimeSpan.FromSeconds(601), horizon.Below);
        Assert.Equal("transaction 1", horizon.HeldBackBy!.Name);
    }

    [Fact]
    public void Without_the_privilege_the_lag_is_all_there_is() =>
        Assert.Equal(Now - Lag, Horizon.Of(new SourceLook(Now, null, IsFresh: false), Lag).Below);

    [Fact]
    public void A_cutoff_is_settled_at_once_where_nothing_is_open() => Assert.True(Horizon.IsSettled(Look(), Now));

    [Theory]
    [InlineData(0, false)]
    [InlineData(-0.999, false)]
    [InlineData(-1, true)]
    public void A_cutoff_is_settled_once_everything_open_began_a_second_after_it(double openSeconds, bool settled)
    {
        var look = new SourceLook(Now + TimeSpan.FromSeconds(2), [new OpenWork("statement", Now - TimeSpan.FromSeconds(openSeconds))], IsFresh: true);
        Assert.Equal(settled, Horizon.IsSettled(look, Now));
    }

    [Fact]
    public void A_cached_list_of_transactions_settles_nothing() =>
        Assert.False(Horizon.IsSettled(Look() with { IsFresh = false }, Now));

    [Fact]
    public void A_look_before_the_cutoff_settles_nothing() =>
        Assert.False(Horizon.IsSettled(Look(), Now + TimeSpan.FromMicroseconds(1)));

    private static SourceLook Look(params double[] openSeconds) => new(
        Now, [.. openSeconds.Select((seconds, i) => new OpenWork($"transaction {i}", Now - TimeSpan.FromSeconds(seconds)))], IsFresh: true);
}
