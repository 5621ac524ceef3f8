using System.Globalization;

namespace StreamSettlement.Cli.Testing;

/// <summary>What one run came to.</summary>
/// <param name="Servers">That it ran on, with versions.</param>
internal sealed record SuiteResult(TestRun Run, TestCounts Counts, IReadOnlyList<string> Servers);

/// <summary>The table of what was tested on what, between two markers of a Markdown file.</summary>
internal static class TestTable
{
    public const string Begin = "<!-- tested: written by ./settlement test --table -->";
    public const string End = "<!-- /tested -->";

    /// <returns>Null where the text does not hold both markers, in their order.</returns>
    public static string? Replace(string text, IReadOnlyList<SuiteResult> results)
    {
        var (begin, end) = (text.IndexOf(Begin, StringComparison.Ordinal), text.IndexOf(End, StringComparison.Ordinal));
        return begin < 0 || end < begin ? null : $"{text[..(begin + Begin.Length)]}\n{Markdown(results)}{text[end..]}";
    }

    private static string Markdown(IReadOnlyList<SuiteResult> results) => string.Concat(
    [
        "| suite | on | passed | failed | skipped |\n|---|---|---:|---:|---:|\n",
        .. results.Select(result => string.Create(CultureInfo.InvariantCulture,
            $"| {Suite(result.Run)} | {(result.Servers.Count == 0 ? "no server" : string.Join(", ", result.Servers))} | {result.Counts.Passed:N0} | {result.Counts.Failed:N0} | {result.Counts.Skipped:N0} |\n")),
    ]);

    private static string Suite(TestRun run) => run.Parts.Count == 0 ? run.Suite : $"{run.Suite}: {string.Join(", ", run.Parts)}";
}
