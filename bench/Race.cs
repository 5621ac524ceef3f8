using BenchmarkDotNet.Attributes;
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

    /// <summary>Null for the source's server that is installed.</summary>
    private protected static string? MySqlHome => Environment.GetEnvironmentVariable("MYSQL_HOME") is { Length: > 0 } home ? home : null;

    private readonly Stack<object> _kept = [];

    [GlobalSetup]
    public void Start() => StartAsync(null).GetAwaiter().GetResult();

    [GlobalCleanup]
    public void Stop() => StopAsync().GetAwaiter().GetResult();

    /// <param name="directory">Where the servers live; <c>.local/bench</c> unless a test says otherwise.</param>
    public async Task StartAsync(string? directory)
    {
        State = new StateDirectory(directory ?? Path.Combine(Repository.Root, ".local", "bench", GetType().Name));
        await Leftovers.StopAsync(State, TimeProvider.System);
        await PrepareAsync();
    }

    public async Task StopAsync()
    {
        while (_kept.TryPop(out var last))
        {
            if (last is IAsyncDisposable part) await part.DisposeAsync();
            else ((IDisposable)last).Dispose();
        }
    }

    /// <summary>Starts what the race needs, with <see cref="Keep"/>, and fills it.</summary>
    protected abstract Task PrepareAsync();

    /// <param name="part">Disposed when the race is over, the last first.</param>
    private protected T Keep<T>(T part)
        where T : notnull
    {
        _kept.Push(part);
        return part;
    }
}
