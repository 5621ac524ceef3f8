using Microsoft.Extensions.Time.Testing;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement;

namespace StreamSettlement.UnitTests.Settlement;

public class WakeupTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task A_signal_ends_the_wait_and_only_one()
    {
        var wakeup = new Wakeup(_time);
        wakeup.Signal();
        await wakeup.WaitAsync(TimeSpan.FromHours(1), TestContext.Current.CancellationToken);
        Assert.False(wakeup.WaitAsync(TimeSpan.FromHours(1), TestContext.Current.CancellationToken).IsCompleted);
    }

    [Fact]
    public async Task Without_a_signal_the_wait_ends_with_its_interval()
    {
        var wait = new Wakeup(_time).WaitAsync(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        Assert.False(wait.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        await wait;
    }

    [Fact]
    public void A_day_stays_asked_for_until_it_was_answered()
    {
        var (wakeup, day) = (new Wakeup(_time), BusinessDay.Of(2026, 11, 20));
        wakeup.Ask(day);
        Assert.Equal([day], wakeup.Asked().Keys);
        Assert.True(wakeup.IsAsked(day));
        wakeup.Answered(day, wakeup.Asked()[day]);
        Assert.Empty(wakeup.Asked());
        Assert.False(wakeup.IsAsked(day));
    }

    [Fact]
    public void A_day_that_is_asked_for_again_while_it_is_answered_stays_asked_for()
    {
        var (wakeup, day) = (new Wakeup(_time), BusinessDay.Of(2026, 11, 20));
        wakeup.Ask(day);
        var first = wakeup.Asked()[day];
        wakeup.Ask(day);
        wakeup.Answered(day, first);
        Assert.True(wakeup.IsAsked(day));
    }
}
