using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using StreamSettlement.Bench;

if (args is ["deadlocks", .. var rest]) return await ConcurrencyBench.RunAsync(rest is [var chart] ? new FileInfo(chart) : null);
if (args is ["mechanisms"])
{
    await MechanismBench.RunAsync();
    return 0;
}

// Each benchmark starts its own servers under .local/bench; a run takes one to ten seconds, so few runs, each one invocation.
var races = ManualConfig.Create(DefaultConfig.Instance)
    .WithArtifactsPath(Path.Combine(StreamSettlement.DevStack.Repository.Root, ".local", "bench", "results"))
    .AddJob(Job.Default
        .WithToolchain(InProcessEmitToolchain.Instance)
        .WithWarmupCount(1).WithIterationCount(5).WithInvocationCount(1).WithUnrollFactor(1));
BenchmarkSwitcher.FromAssembly(typeof(Race).Assembly).Run(args, races);
return 0;
