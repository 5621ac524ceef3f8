namespace StreamSettlement.DevStack.Truth;

/// <summary>Two sets of lines that must be the same, in any order.</summary>
/// <param name="Lines">Lines expected.</param>
/// <param name="Missing">Expected, not there.</param>
/// <param name="Unexpected">There, not expected.</param>
internal sealed record Comparison(string What, int Lines, IReadOnlyList<string> Missing, IReadOnlyList<string> Unexpected)
{
    private const int Shown = 5;

    public bool IsEqual => Missing.Count == 0 && Unexpected.Count == 0;

    public static Comparison Of(string what, IReadOnlyCollection<string> expected, IReadOnlyCollection<string> actual)
    {
        var open = expected.CountBy(line => line).ToDictionary(StringComparer.Ordinal);
        var unexpected = new List<string>();
        foreach (var line in actual)
        {
            if (open.TryGetValue(line, out var count) && count > 0) open[line] = count - 1;
            else unexpected.Add(line);
        }
        var missing = open.SelectMany(line => Enumerable.Repeat(line.Key, line.Value));
        return new Comparison(what, expected.Count, [.. missing.Order(StringComparer.Ordinal)], [.. unexpected.Order(StringComparer.Ordinal)]);
    }

    /// <summary>One line when equal; otherwise the first lines that differ too.</summary>
    public override string ToString()
    {
        if (IsEqual) return $"{What}: {Lines:N0} equal";
        return $"{What}: {Missing.Count:N0} of {Lines:N0} lines differ or miss, {Unexpected.Count:N0} lines are there that the source does not explain"
            + Lined("the source says", Missing) + Lined("the books say", Unexpected);
    }

    private static string Lined(string who, IReadOnlyList<string> lines) =>
        string.Concat(lines.Take(Shown).Select(line => $"\n    {who}  {line}")) + (lines.Count > Shown ? $"\n    … and {lines.Count - Shown:N0} more" : "");
}
