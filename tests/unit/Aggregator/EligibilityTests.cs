using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;

namespace StreamSettlement.UnitTests.Aggregator;

public sealed class EligibilityTests
{
    private static readonly Eligibility Rules = new(
    [
        new EligibilityRule(1, 0, BusinessDay.Of(2020, 1, 1)),
        new EligibilityRule(3, 10, BusinessDay.Of(2026, 11, 1)),
        new EligibilityRule(2, 5, BusinessDay.Of(2026, 11, 10)),
    ]);

    [Theory]
    [InlineData("2020-01-01", 1)]
    [InlineData("2026-10-31", 1)]
    [InlineData("2026-11-01", 3)]
    [InlineData("2026-11-30", 3)]
    public void The_highest_version_in_force_on_the_day_holds(string day, int version) =>
        Assert.Equal(version, Rules.For(BusinessDay.Parse(day)).Version);

    [Fact]
    public void A_day_without_rule_stops_with_what_to_do()
    {
        var refused = Assert.Throws<InvalidOperationException>(() => Rules.For(BusinessDay.Of(2019, 12, 31)));
        Assert.Contains("rollup.eligibility_rule", refused.Message, StringComparison.Ordinal);
    }
}
