using StreamSettlement.Contracts;

namespace StreamSettlement.Settlement.Core;

/// <summary>What a day's targets depend on beside earlier days: its rollups, its cards, and whether it is paid at all.</summary>
/// <param name="Rollups">Generation and running totals of the day's partitions; they move with every row.</param>
internal sealed record DayInputs(BusinessDay Day, string Rollups)
{
    /// <summary>Two equal marks, for all earlier days too, mean equal targets.</summary>
    public string Mark(RateCards cards, bool covered) => !covered
        ? $"{Rollups}, not paid"
        : $"{Rollups}, {string.Join(' ', PriceKinds.All.Select(kind => $"{kind.Name()} card {cards.InForce(kind, Day).Id}"))}";
}

/// <summary>
/// Where the last run and this one begin to differ. A target depends on its own day and earlier ones only, so that days before the first
/// change are in the books as they should be: closing a day costs what the day holds, not what the years before it hold.
/// </summary>
internal static class Changes
{
    /// <returns>The first day whose mark is new, other, or gone; null when nothing has changed.</returns>
    public static BusinessDay? First(IReadOnlyDictionary<BusinessDay, string> now, IReadOnlyDictionary<BusinessDay, string> settled)
    {
        BusinessDay? first = null;
        foreach (var day in Of(now, settled))
        {
            if (first is null || day < first) first = day;
        }
        return first;
    }

    /// <returns>Every such day, in no order.</returns>
    public static IEnumerable<BusinessDay> Of(IReadOnlyDictionary<BusinessDay, string> now, IReadOnlyDictionary<BusinessDay, string> settled) =>
        now.Keys.Union(settled.Keys).Where(day => now.GetValueOrDefault(day) != settled.GetValueOrDefault(day));
}
