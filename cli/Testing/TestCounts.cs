using System.Globalization;
using System.Xml.Linq;

namespace StreamSettlement.Cli.Testing;

/// <summary>What the test runners wrote down, added up.</summary>
internal readonly record struct TestCounts(int Passed, int Failed, int Skipped)
{
    public static TestCounts operator +(TestCounts left, TestCounts right) =>
        new(left.Passed + right.Passed, left.Failed + right.Failed, left.Skipped + right.Skipped);

    /// <summary>Reads an xunit v2+ result file. An error outside any test (a fixture, a cleanup) counts as a failed test.</summary>
    public static TestCounts Read(string xml)
    {
        var counts = default(TestCounts);
        foreach (var assembly in XDocument.Parse(xml).Root!.Elements("assembly"))
            counts += new TestCounts(Count(assembly, "passed"), Count(assembly, "failed") + Count(assembly, "errors"), Count(assembly, "skipped") + Count(assembly, "not-run"));
        return counts;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Passed} passed, {Failed} failed, {Skipped} skipped");

    private static int Count(XElement assembly, string name) => (int?)assembly.Attribute(name) ?? 0;
}
