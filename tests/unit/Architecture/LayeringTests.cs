using System.Text.RegularExpressions;

namespace StreamSettlement.UnitTests.Architecture;

/// <summary>What the layout promises: pure cores, services that know only the contracts, files one can read at a sitting.</summary>
public partial class LayeringTests
{
    private static readonly string Root = RepositoryRoot();

    public static TheoryData<string> CoreFiles => [.. Sources("services").Where(file => file.Contains("/Core/", StringComparison.Ordinal))];

    [Fact]
    public void Every_service_has_a_core() =>
        Assert.Equal(["aggregator", "ingest", "settlement"],
            CoreFiles.Select(file => file.Data.Split('/')[1]).Distinct().Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(CoreFiles))]
    public void The_core_touches_no_io_no_clock_and_no_task(string file)
    {
        var code = Comment().Replace(File.ReadAllText(Path.Combine(Root, file)), "");
        var impure = Impure().Match(code);
        Assert.False(impure.Success, $"{file} uses {impure.Value}: decisions only, values in and values out");
    }

    [Fact]
    public void Services_reference_the_contracts_and_nothing_of_each_other()
    {
        foreach (var project in Directory.GetFiles(Path.Combine(Root, "services"), "*.csproj", SearchOption.AllDirectories))
        {
            var references = Reference().Matches(File.ReadAllText(project)).Select(match => match.Groups[1].Value);
            Assert.All(references, reference => Assert.Contains("contracts/", reference, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void No_source_file_outgrows_four_hundred_lines() =>
        Assert.All(Sources(".").Where(file => !file.StartsWith("tests/", StringComparison.Ordinal)), file => Assert.True(
            File.ReadLines(Path.Combine(Root, file)).Count() <= 420, $"{file} has more than 400 lines: it does more than one thing"));

    [Fact]
    public void The_broker_and_the_script_stay_what_one_person_can_read()
    {
        Assert.InRange(Sources("infra/devbroker").Sum(file => File.ReadLines(Path.Combine(Root, file)).Count()), 1, 3_999);
        Assert.InRange(File.ReadLines(Path.Combine(Root, "settlement")).Count(), 1, 60);
    }

    private static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Root, file))
            .Where(file => !file.Split('/').Any(part => part is "bin" or "obj" or ".local"))
            .Order(StringComparer.Ordinal);

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Settlement.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }

    [GeneratedRegex(@"//.*$", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"\b(Npgsql\w*|MySql\.Data|MySqlConnection|Confluent|MassTransit|TimeProvider|Stopwatch|async|await|Task|ValueTask|HttpClient|Socket|File|FileStream|Directory|Console|Random|Environment|Thread|ILogger|DateTime(Offset)?\.(Utc)?Now|Guid\.NewGuid)\b")]
    private static partial Regex Impure();

    [GeneratedRegex(@"ProjectReference Include=""([^""]+)""")]
    private static partial Regex Reference();
}
