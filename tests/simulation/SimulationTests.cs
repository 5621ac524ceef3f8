namespace StreamSettlement.SimulationTests;

/// <summary>Whatever breaks, in whatever order: nothing is lost, nothing is counted twice, the books balance.</summary>
public class SimulationTests
{
    private const ulong Seeds = 10_000;

    [Fact]
    public void Every_world_comes_right()
    {
        var output = TestContext.Current.TestOutputHelper!;
        if (Worlds.Seed is { } seed)
        {
            var (fate, trace) = Worlds.Replay(seed);
            output.WriteLine(string.Join('\n', trace));
            Assert.True(fate.Broken is null, $"seed {seed}: {fate.Broken}");
            return;
        }
        var (failed, worlds, steps) = Worlds.Search(Worlds.Count ?? Seeds);
        output.WriteLine($"{worlds} worlds, {steps} steps");
        Assert.True(failed is null, failed is null ? "" : Worlds.Report(failed));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    public void A_seed_replays_exactly(ulong seed) => Assert.Equal(Worlds.Replay(seed).Trace, Worlds.Replay(seed).Trace);
}
