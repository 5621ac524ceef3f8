using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.Bench;

/// <summary>
/// Rival ways of doing the same thing, side by side in one run, so that their ratio counts on a noisy machine. Every way must leave the
/// same result: <c>BenchTests</c> runs each of them once at size 1 and compares.
/// </summary>
public abstract class Race
{
    /// <summary>State of the servers a race runs on; kept between runs, so that only the first pays for making data directories.</summary>
    private protected StateDirectory State { get; private set; } = null!;

    /// <param name="directory">Where the servers live; <c>.local/bench</c> unless a test says otherwise.</param>
    protected async Task OpenAsync(string? directory = null)
    {
        State = new StateDirectory(directory ?? Path.Combine(Repository.Root, ".local", "bench", GetType().Name));
        await Leftovers.StopAsync(State, TimeProvider.System);
    }
}
