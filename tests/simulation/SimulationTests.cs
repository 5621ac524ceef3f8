using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests;

/// <summary>Whatever breaks, in whatever order: nothing is lost, nothing is counted twice, the books balance.</summary>
public class SimulationTests
{
    private const ulong Seeds = 3_000;

    [Fact]
    public void Every_world_comes_right()
    {
        var output = TestContext.Current.TestOutputHelper!;
        if (Worlds.Seed is { } seed)
        {
            var (fate, trace) = Worlds.Replay(seed);
            foreach (var line in trace) output.WriteLine(line);
            Assert.True(fate.Broken is null, $"seed {seed}: {fate.Broken}\n{string.Join('\n', trace)}");
            return;
        }
        var (failed, worlds, steps) = Worlds.Search(Seeds);
        output.WriteLine($"{worlds} worlds, {steps} steps");
        Assert.True(failed is null, failed is null ? "" : Worlds.Report(failed));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    public void A_seed_replays_exactly(ulong seed) => Assert.Equal(Worlds.Replay(seed).Trace, Worlds.Replay(seed).Trace);
}
