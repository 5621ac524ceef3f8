using StreamSettlement.DevStack;

namespace StreamSettlement.Cli.Commands;

/// <summary>The stacks that may run from this repository: the one of <c>up</c>, and those of the commands that bring their own.</summary>
internal static class LocalStates
{
    /// <summary><c>.local</c> in the repository, unless SETTLEMENT_STATE names another directory.</summary>
    public static string Root => Environment.GetEnvironmentVariable("SETTLEMENT_STATE") is { Length: > 0 } other ? Path.GetFullPath(other) : Path.Combine(Repository.Root, ".local");

    public static StateDirectory Stack => new(Path.Combine(Root, "stack"));

    public static StateDirectory Demo => new(Path.Combine(Root, "demo"));

    public static StateDirectory Bench => new(Path.Combine(Root, "bench-stack"));

    public static StateDirectory Chaos => new(Path.Combine(Root, "chaos"));

    public static IReadOnlyList<StateDirectory> All => [Stack, Demo, Bench, Chaos];

    /// <summary>The directory without any state: a run that was kept, or whose process was killed, is stopped.</summary>
    /// <exception cref="DevStackException">A run uses it; it is not touched.</exception>
    public static async Task<StateDirectory> EmptiedAsync(StateDirectory state, Terminal terminal, TimeProvider time)
    {
        if (StackLock.Owner(state) is { } owner)
            throw new DevStackException($"Another run uses {state.Root} ({StackLock.Describe(owner)}). Wait for it, or stop it with ./settlement down.");
        if (await LocalStack.StopAsync(state, time)) terminal.Line("stopped the last run, which was still there");
        state.Delete();
        return new StateDirectory(state.Root);
    }

    /// <summary>The stack of <c>up</c>, or else one that <c>demo --keep</c> or <c>chaos --keep</c> left.</summary>
    /// <exception cref="DevStackException">None runs.</exception>
    public static StackEndpoints Running() => TryRunning()
        ?? throw new DevStackException("No stack is running here. Start one with ./settlement up, or name a deployment: SETTLEMENT_API=http://host:port");

    public static StackEndpoints? TryRunning() => StackEndpoints.OfRunning(Stack) ?? StackEndpoints.OfRunning(Demo) ?? StackEndpoints.OfRunning(Chaos);
}
