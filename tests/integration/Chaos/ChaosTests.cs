using StreamSettlement.Cli;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;
using StreamSettlement.IntegrationTests.Cli;

namespace StreamSettlement.IntegrationTests.Chaos;

/// <summary>Everything broken at random for two minutes, as a person would run it. Other seeds: <c>./settlement chaos --seed S</c>.</summary>
public sealed class ChaosTests(Servers servers)
{
    [Fact]
    public async Task After_two_minutes_of_faults_the_books_are_what_the_source_says()
    {
        using var state = new ChaosState(servers);
        var (exitCode, output) = await CommandProcess.RunAsync(state.Root, "chaos --minutes 2 --seed 1");
        Assert.True(exitCode == ExitCodes.Done, output);
        Assert.Contains("the books are what the source says", output, StringComparison.Ordinal);
        Assert.False(output.Contains("ended by itself", StringComparison.Ordinal), output);
        Assert.Empty(state.Running());
    }
}

public sealed class InterruptedChaosTests(Servers servers)
{
    [Fact]
    public async Task Interrupted_it_leaves_no_process_behind_not_even_a_halted_one()
    {
        using var state = new ChaosState(servers);
        await using var chaos = CommandProcess.Start(state.Root, "chaos --minutes 1 --seed 1");
        // Its first halted process, which could not hear that it is to stop.
        await chaos.SawAsync("SIGSTOP");
        var running = state.Running();
        Assert.NotEmpty(running);
        chaos.Signal(Posix.SigInt);
        Assert.Equal(ExitCodes.Interrupted, await chaos.ExitAsync());
        Assert.All(running, process => Assert.False(process.IsRunning));
    }
}

/// <summary>The state of one run of the command; removed when disposed.</summary>
internal sealed class ChaosState(Servers servers) : IDisposable
{
    private readonly StateDirectory state = servers.NewStateDirectory();

    public string Root => state.Root;

    /// <summary>The processes that the run has started and that still run.</summary>
    public List<ProcessRecord> Running()
    {
        var directory = Path.Combine(Root, "chaos", "run");
        return Directory.Exists(directory)
            ? [.. Directory.GetFiles(directory, "*.pid").Select(ProcessRecord.Read).OfType<ProcessRecord>().Where(process => process.IsRunning)]
            : [];
    }

    public void Dispose()
    {
        new StateDirectory(Path.Combine(Root, "chaos")).Delete();
        state.Delete();
    }
}
