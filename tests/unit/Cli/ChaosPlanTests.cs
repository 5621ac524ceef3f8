using StreamSettlement.Cli.Chaos;

namespace StreamSettlement.UnitTests.Cli;

public sealed class ChaosPlanTests
{
    private static readonly TimeSpan Session = TimeSpan.FromSeconds(6);
    private static readonly string[] Servers = ["broker", "postgres", "mariadb"];

    [Fact]
    public void The_same_seed_gives_the_same_schedule_and_another_seed_another()
    {
        Assert.Equal(Plan(7, 5), Plan(7, 5));
        Assert.NotEqual(Plan(7, 5), Plan(8, 5));
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 2)]
    [InlineData(3, 2)]
    [InlineData(4, 30)]
    public void Every_target_is_killed_halted_and_restarted_and_every_other_kind_happens(int seed, int minutes)
    {
        var plan = Plan(seed, minutes);
        Assert.Equal(Enum.GetValues<FaultKind>(), plan.Select(step => step.Kind).Distinct().Order());
        foreach (var target in new[] { "ingest", "aggregator", "settlement", "broker", "postgres", "mariadb" })
            foreach (var kind in new[] { FaultKind.Kill, FaultKind.Suspend, FaultKind.Restart })
                Assert.Contains(plan, step => step.Kind == kind && ChaosPlan.InstancesOf(target).Contains(step.Target));
    }

    [Fact]
    public void Even_the_shortest_run_has_every_kind()
    {
        foreach (var seed in Enumerable.Range(1, 200))
            Assert.Equal(Enum.GetValues<FaultKind>(), ChaosPlan.Of(seed, ChaosPlan.Least, Session, Servers, "broker").Select(step => step.Kind).Distinct().Order());
    }

    [Fact]
    public void Steps_are_in_order_of_time_and_over_before_the_run_is()
    {
        var plan = Plan(5, 10);
        Assert.Equal(plan.OrderBy(step => step.At), plan);
        Assert.All(plan, step => Assert.InRange(step.End, ChaosPlan.FirstAt, TimeSpan.FromMinutes(10)));
    }

    [Fact]
    public void A_process_has_time_to_recover_from_each_fault()
    {
        foreach (var ofOne in Plan(6, 30).Where(step => step.Target.Length > 0).GroupBy(step => step.Target))
            foreach (var (before, after) in ofOne.Zip(ofOne.Skip(1)))
                Assert.True(after.At >= before.End + TimeSpan.FromSeconds(8), $"{before} then {after}");
    }

    [Fact]
    public void The_first_fault_kills_an_aggregator_and_nothing_else_happens_until_it_is_back()
    {
        var plan = Plan(9, 2);
        Assert.Equal(FaultKind.Kill, plan[0].Kind);
        Assert.Contains(plan[0].Target, ChaosPlan.InstancesOf("aggregator"));
        Assert.True(plan[0].For > Session + TimeSpan.FromSeconds(3));
        Assert.True(plan[1].At > plan[0].End);
    }

    [Fact]
    public void A_halted_aggregator_loses_its_session()
    {
        var halted = Plan(10, 30).Where(step => step.Kind == FaultKind.Suspend && step.Target.StartsWith("aggregator", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(halted);
        Assert.All(halted, step => Assert.True(step.For >= Session + TimeSpan.FromSeconds(2)));
    }

    [Fact]
    public void A_server_that_the_run_did_not_start_is_left_alone()
    {
        var plan = Plan(3, 10, ["postgres"]);
        Assert.Contains(plan, step => step.Target == "postgres");
        Assert.DoesNotContain(plan, step => step.Target is "broker" or "mariadb");
    }

    private static IReadOnlyList<ChaosStep> Plan(int seed, int minutes, string[]? servers = null) => ChaosPlan.Of(seed, TimeSpan.FromMinutes(minutes), Session, servers ?? Servers, "broker");
}
