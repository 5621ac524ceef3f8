using StreamSettlement.Cli;
using StreamSettlement.DevStack;
using StreamSettlement.IntegrationTests.Cli;

namespace StreamSettlement.IntegrationTests.Chaos;

/// <summary>Everything broken at random for two minutes, as a person would run it. Other seeds: <c>./settlement chaos --seed S</c>.</summary>
public sealed class ChaosTests(Servers servers)
{
    [Fact]
    public async Task After_two_minutes_of_faults_the_books_are_what_the_source_says()
    {
        await using var state = new CommandState(servers);
        var (exitCode, output) = await CommandProcess.RunAsync(state.Root, "chaos --minutes 2 --seed 1");
        Assert.True(exitCode == ExitCodes.Done, output);
        Assert.Contains("the books are what the source says", output, StringComparison.Ordinal);
        Assert.False(output.Contains("ended by itself", StringComparison.Ordinal), output);
        Assert.DoesNotContain(state.Processes("chaos").Values, process => process.IsRunning);
    }
}

public sealed class InterruptedChaosTests(Servers servers)
{
    [Fact]
    public async Task Interrupted_it_leaves_no_process_behind_not_even_a_halted_one()
    {
        await using var state = new CommandState(servers);
        await using var chaos = CommandProcess.Start(state.Root, "chaos --minutes 1 --seed 1");
        // Its first halted process, which could not hear that it is to stop.
        await chaos.SawAsync("SIGSTOP");
        var running = state.Processes("chaos").Values.Where(process => process.IsRunning).ToList();
        Assert.NotEmpty(running);
        chaos.Signal(Posix.SigInt);
        Assert.Equal(ExitCodes.Interrupted, await chaos.ExitAsync());
        Assert.All(running, process => Assert.False(process.IsRunning));
    }
}
