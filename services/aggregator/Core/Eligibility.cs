using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator.Core;

/// <param name="MinimumWatchSeconds">A view counts from so many watched seconds on; 0: every COMPLETED view counts.</param>
/// <param name="EffectiveFrom">First log_date the rule is for.</param>
internal sealed record EligibilityRule(int Version, int MinimumWatchSeconds, BusinessDay EffectiveFrom);

/// <summary>Which COMPLETED rows count. Every ad view does.</summary>
internal sealed class Eligibility
{
    private readonly EligibilityRule[] _newestFirst;

    public Eligibility(IEnumerable<EligibilityRule> rules) => _newestFirst = [.. rules.OrderByDescending(rule => rule.Version)];

    /// <returns>The highest version in force on the day.</returns>
    /// <exception cref="InvalidOperationException">No rule is in force on the day.</exception>
    public EligibilityRule For(BusinessDay day)
    {
        foreach (var rule in _newestFirst)
        {
            if (rule.EffectiveFrom <= day) return rule;
        }
        throw new InvalidOperationException(
            $"no eligibility rule is in force on {day}: insert one into rollup.eligibility_rule whose effective_from is not after it");
    }

    public static bool Counts(SourceStream stream, in Fact fact, EligibilityRule rule) =>
        stream == SourceStream.AdViews || fact.WatchSeconds >= rule.MinimumWatchSeconds;
}
