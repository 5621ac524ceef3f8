using StreamSettlement.DevStack;

namespace StreamSettlement.Cli.Commands;

/// <summary>The stacks that may run from this repository: the one of <c>up</c>, and those of the commands that bring their own.</summary>
internal static class LocalStates
{
    private const string StackName = "stack";
    private const string DemoName = "demo";
    private const string BenchName = "bench-stack";
    private const string ChaosName = "chaos";

    /// <summary><c>.local</c> in the repository, unless SETTLEMENT_STATE names another directory.</summary>
    public static string Root => Environment.GetEnvironmentVariable("SETTLEMENT_STATE") is { Length: > 0 } other ? Path.GetFullPath(other) : Path.Combine(Repository.Root, ".local");

    public static StateDirectory Stack => new(Path.Combine(Root, StackName));

    public static StateDirectory Demo => new(Path.Combine(Root, DemoName));

    public static StateDirectory Bench => new(Path.Combine(Root, BenchName));

    public static StateDirectory Chaos => new(Path.Combine(Root, ChaosName));

    public static IReadOnlyList<StateDirectory> All => Under(Root);

    /// <summary>All that the command may have run stacks from where <paramref name="root"/> is its <see cref="Root"/>.</summary>
    public static IReadOnlyList<StateDirectory> Under(string root) =>
        [.. new[] { StackName, DemoName, BenchName, ChaosName }.Select(name => new StateDirectory(Path.Combine(root, name)))];

    /// <summary>Servers that run from a state which begins empty: a run that was kept, or whose process was killed, is stopped, and what it left is deleted.</summary>
    /// <exception cref="DevStackException">A run uses the directory, which is not touched then; or a server did not start.</exception>
    public static async Task<LocalStack> FreshStackAsync(StateDirectory state, LocalStackSettings settings, Terminal terminal, TimeProvider time, CancellationToken token)
    {
        if (StackLock.Owner(state) is { } owner)
            throw new DevStackException($"Another run uses {state.Root} ({StackLock.Describe(owner)}). Wait for it, or stop it with ./settlement down.");
        if (await LocalStack.StopAsync(state, time)) terminal.Line("stopped the last run, which was still there");
        state.Delete();
        return await LocalStack.StartServersAsync(new StateDirectory(state.Root), settings with { FillsSource = true }, terminal.Line, time, token);
    }

    /// <summary>The stack of <c>up</c>, or else one that <c>demo --keep</c> or <c>chaos --keep</c> left.</summary>
    /// <exception cref="DevStackException">None runs.</exception>
    public static StackEndpoints Running() => TryRunning()
        ?? throw new DevStackException("No stack is running here. Start one with ./settlement up, or name a deployment: SETTLEMENT_API=http://host:port");

    public static StackEndpoints? TryRunning() => StackEndpoints.OfRunning(Stack) ?? StackEndpoints.OfRunning(Demo) ?? StackEndpoints.OfRunning(Chaos);
}
