using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Cli.Testing;

/// <summary>One run of one test project.</summary>
/// <param name="Suite">The project's folder below tests/.</param>
/// <param name="Parts">Namespaces of the project that are run, without its root; all of it when empty.</param>
/// <param name="Servers">Servers that the tests start.</param>
internal sealed record TestRun(string Suite, IReadOnlyList<string> Parts, ServerChoice Servers)
{
    /// <summary>What of a suite depends on the servers: the rest tests the development broker's own files, PostgreSQL, or the command's own words.</summary>
    private static readonly Dictionary<string, string[]> OnNamedServers = new()
    {
        ["conformance"] = [],
        ["integration"] = ["Ingest", "Aggregator", "EndToEnd", "Faults", "Hosting", "Kafka", "Chaos", "Cli"],
    };

    /// <summary>The name in displays and of the result file.</summary>
    public string Name => Servers == new ServerChoice() ? Suite : Suite + "-named-servers";

    /// <summary>Every suite on the stand-ins; where servers are named, what depends on servers once more on these.</summary>
    public static IEnumerable<TestRun> Of(IEnumerable<string> suites, ServerChoice named)
    {
        foreach (var suite in suites)
        {
            yield return new TestRun(suite, [], new ServerChoice());
            if (named != new ServerChoice() && OnNamedServers.TryGetValue(suite, out var parts)) yield return new TestRun(suite, parts, named);
        }
    }

    /// <summary>Every project below tests/, the quick ones first.</summary>
    public static string[] Suites() => [.. Directory.GetDirectories(Path.Combine(Repository.Root, "tests"))
        .Where(directory => Directory.GetFiles(directory, "*.csproj").Length > 0)
        .Select(directory => Path.GetFileName(directory)!)
        .OrderBy(name => name != "unit").ThenBy(name => name, StringComparer.Ordinal)];

    /// <summary>Arguments of the runner that choose the tests.</summary>
    public IEnumerable<string> Filter(string rootNamespace) => Parts.SelectMany(part => new[] { "-namespace", $"{rootNamespace}.{part}*" });

    /// <summary>Variables for the runner; null removes one.</summary>
    public IReadOnlyDictionary<string, string?> Environment(string serversFile) => new Dictionary<string, string?>
    {
        ["KAFKA_HOME"] = Servers.KafkaHome,
        ["MYSQL_HOME"] = Servers.MySqlHome,
        [TestedServers.Variable] = serversFile,
    };
}
