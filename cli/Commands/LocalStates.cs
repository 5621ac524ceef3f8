using StreamSettlement.DevStack;

namespace StreamSettlement.Cli.Commands;

/// <summary>The stacks that may run from this repository: the one of <c>up</c> and the one of <c>demo</c>.</summary>
internal static class LocalStates
{
    /// <summary><c>.local</c> in the repository, unless SETTLEMENT_STATE names another directory.</summary>
    public static string Root => Environment.GetEnvironmentVariable("SETTLEMENT_STATE") is { Length: > 0 } other ? Path.GetFullPath(other) : Path.Combine(Repository.Root, ".local");

    public static StateDirectory Stack => new(Path.Combine(Root, "stack"));

    public static StateDirectory Demo => new(Path.Combine(Root, "demo"));

    public static StateDirectory Bench => new(Path.Combine(Root, "bench-stack"));

    /// <summary>The stack of <c>up</c>, or else one that <c>demo --keep</c> left.</summary>
    /// <exception cref="DevStackException">None runs.</exception>
    public static StackEndpoints Running() => TryRunning()
        ?? throw new DevStackException("No stack is running here. Start one with ./settlement up, or name a deployment: SETTLEMENT_API=http://host:port");

    public static StackEndpoints? TryRunning() => StackEndpoints.OfRunning(Stack) ?? StackEndpoints.OfRunning(Demo);
}
