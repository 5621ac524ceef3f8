using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.SimulationTests.Checks;

/// <summary>Rules and prices of every world: with tiers so small that a few rows cross them, and a change of both between two days.</summary>
internal static class Cards
{
    private static readonly BusinessDay Always = new(DateOnly.MinValue);
    private static readonly BusinessDay Change = BusinessDay.Of(2026, 11, 21);

    public static readonly IReadOnlyList<EligibilityRule> Rules = [new(1, 0, Always), new(2, 20, Change)];

    public static readonly IReadOnlyList<RateCard> List =
    [
        new(1, PriceKind.View, "KRW", Always, [new(0, new Micros(1_000_000)), new(2, new Micros(1_100_001)), new(5, new Micros(1_300_007))]),
        new(2, PriceKind.Ad, "KRW", Always, [new(0, new Micros(10_000_000)), new(3, new Micros(12_000_003))]),
        new(3, PriceKind.View, "KRW", Change, [new(0, new Micros(2_000_000)), new(3, new Micros(2_500_001))]),
        // Corrects the one before: the same day, a higher id.
        new(4, PriceKind.View, "KRW", Change, [new(0, new Micros(2_000_000)), new(3, new Micros(2_600_003)), new(6, new Micros(3_000_011))]),
    ];

    public static readonly RateCards All = new(List);

    /// <summary>The price of one more unit, without anything of the services: the card in force, its tier, nothing else.</summary>
    /// <param name="before">Units that the content had before.</param>
    public static Int128 PriceOfUnit(PriceKind kind, BusinessDay day, long before)
    {
        var card = List.Where(card => card.Kind == kind && card.EffectiveFrom <= day).OrderBy(card => card.EffectiveFrom).ThenBy(card => card.Id).Last();
        return card.Tiers.Last(tier => tier.FromUnits <= before).Price.Value;
    }

    public static int MinimumSeconds(BusinessDay day) => Rules.Where(rule => rule.EffectiveFrom <= day).MaxBy(rule => rule.Version)!.MinimumWatchSeconds;
}
