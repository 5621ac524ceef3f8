using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest.Core;

/// <summary>Ids from <paramref name="First"/> to <paramref name="Last"/>, both included.</summary>
internal readonly record struct IdRange(long First, long Last);

/// <summary>Splits an id range into parts that are paged in parallel: 1, 2, 4 or 8 by its row count.</summary>
internal static class BackfillGrid
{
    public static int PartsFor(long rows) => rows switch
    {
        < 100 => 1,
        < 1_000 => 2,
        < 10_000 => 4,
        _ => Limits.BackfillPartsMax,
    };

    /// <returns>Disjoint parts that cover the range, in order; fewer than the grid says where there are fewer ids.</returns>
    public static IReadOnlyList<IdRange> Split(IdRange range, long rows)
    {
        if (range.Last < range.First) return [];
        var parts = PartsFor(rows);
        var ids = (Int128)range.Last - range.First + 1;
        var split = new List<IdRange>(parts);
        for (var part = 0; part < parts; part++)
        {
            var first = (long)(range.First + (ids * part / parts));
            var last = (long)(range.First + (ids * (part + 1) / parts) - 1);
            if (first <= last) split.Add(new IdRange(first, last));
        }
        return split;
    }
}
