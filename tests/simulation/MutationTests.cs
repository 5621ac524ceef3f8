using System.Text.RegularExpressions;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests;

/// <summary>
/// With one mechanism turned off a world must come wrong, by the very promise that the mechanism keeps: a simulation that can't see the
/// fault is none. The same world with the mechanism comes right.
/// </summary>
public class MutationTests
{
    private const ulong SeedsMost = 5_000;

    private const string CountedTwice = "(views|ad views|excluded) .* counted|stopped: System.ArgumentException: An item with the same key";
    private const string Lost = "(views|ad views|excluded) .* counted";
    private const string MarkerTooEarly = "the marker of .* stands before row .*, which it covers";
    private const string BehindTheCursor = "committed at .*, behind the cursor";

    [Theory]
    [InlineData(nameof(Mechanism.Claim), CountedTwice)]
    [InlineData(nameof(Mechanism.Epoch), CountedTwice)]
    [InlineData(nameof(Mechanism.CommitCounter), CountedTwice)]
    [InlineData(nameof(Mechanism.OneTransaction), Lost)]
    [InlineData(nameof(Mechanism.Horizon), BehindTheCursor)]
    [InlineData(nameof(Mechanism.FreshList), BehindTheCursor)]
    [InlineData(nameof(Mechanism.Totals), Lost)]
    [InlineData(nameof(Mechanism.Repair), "after [1-9] repairs|" + Lost)]
    [InlineData(nameof(Mechanism.CursorAfterAcknowledgement), MarkerTooEarly + "|partitions sealed|" + Lost)]
    [InlineData(nameof(Mechanism.MarkerAfterFlush), MarkerTooEarly)]
    [InlineData(nameof(Mechanism.DeadLetterBeforeCommit), "is not in the topic of dead letters")]
    // An operator repairs to the last what repairs don't mend: the last look may come between an attempt's seal and its run.
    [InlineData(nameof(Mechanism.OneSettlement), "payouts|is Posted at attempt")]
    public void Without_the_mechanism_a_world_comes_wrong(string mechanism, string how)
    {
        var without = Enum.Parse<Mechanism>(mechanism);
        var (failed, _, _) = Worlds.Search(SeedsMost, without);
        Assert.True(failed is not null, $"{SeedsMost} worlds came right without {mechanism}: the simulation does not see what it is for");
        TestContext.Current.TestOutputHelper!.WriteLine($"without {mechanism} seed {failed.Seed} came wrong: {failed.Broken}");
        Assert.True(Regex.IsMatch(failed.Broken!, how), $"without {mechanism} seed {failed.Seed} came wrong in another way: {failed.Broken}");
        Assert.Null(Worlds.Run(failed.Seed).Broken);
    }
}
