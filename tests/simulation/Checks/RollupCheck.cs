using StreamSettlement.SimulationTests.Ports;

namespace StreamSettlement.SimulationTests.Checks;

/// <summary>The rollups are the source, to the unit.</summary>
internal static class RollupCheck
{
    /// <returns>The first difference, or null.</returns>
    public static string? Difference(Truth truth, RollupTables rollups) =>
        Difference("views", truth.Contents, rollups.Contents.ToDictionary(entry => entry.Key, entry => (entry.Value.Units, entry.Value.WatchSeconds)))
        ?? Difference("ad views", truth.Ads, rollups.Ads.ToDictionary(entry => entry.Key, entry => entry.Value.Units))
        ?? Difference("excluded", truth.Excluded.ToDictionary(id => id, _ => 1), rollups.Excluded.Keys.ToDictionary(key => key.RowId, _ => 1));

    public static string? Difference<TKey, TValue>(string what, IDictionary<TKey, TValue> expected, IDictionary<TKey, TValue> actual)
        where TKey : notnull
        where TValue : IEquatable<TValue>
    {
        foreach (var (key, value) in expected)
        {
            if (!actual.TryGetValue(key, out var found)) return $"{what} {key}: {value} in the source, nothing counted";
            if (!found.Equals(value)) return $"{what} {key}: {value} in the source, {found} counted";
        }
        foreach (var (key, value) in actual)
            if (!expected.ContainsKey(key)) return $"{what} {key}: nothing in the source, {value} counted";
        return null;
    }
}
