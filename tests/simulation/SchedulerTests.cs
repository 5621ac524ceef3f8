using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests;

/// <summary>What a replay rests on.</summary>
public class SchedulerTests
{
    private readonly Scheduler scheduler = new(new Dice(1), 0, traced: true);

    [Fact]
    public void A_continuation_on_another_thread_is_a_broken_promise()
    {
        var process = new SimulatedProcess("a process", scheduler, 0);
        var thread = new Thread(() => process.Post(_ => { }, null));
        thread.Start();
        thread.Join();
        Assert.Contains("another thread", scheduler.Violation, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_killed_process_awaits_never_comes_back()
    {
        var process = new SimulatedProcess("a process", scheduler, 0);
        var came = false;
        process.Run(() => _ = WaitAsync());
        scheduler.After(Span.Second / 2, process.Kill);
        scheduler.RunUntil(10 * Span.Second);
        Assert.False(came);

        async Task WaitAsync()
        {
            await Task.Delay(TimeSpan.FromSeconds(1), process.Time);
            came = true;
        }
    }

    [Fact]
    public void A_paused_process_goes_on_late()
    {
        var process = new SimulatedProcess("a process", scheduler, 0);
        var at = 0L;
        process.Run(() => _ = WaitAsync());
        process.Pause(3 * Span.Second);
        scheduler.RunUntil(10 * Span.Second);
        Assert.Equal(3 * Span.Second, at);

        async Task WaitAsync()
        {
            await Task.Delay(TimeSpan.FromSeconds(1), process.Time);
            at = scheduler.Now;
        }
    }
}
