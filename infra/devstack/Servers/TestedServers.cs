namespace StreamSettlement.DevStack.Servers;

/// <summary>Test runs write down which servers they really ran on: the table of what was tested on what is made of that.</summary>
internal static class TestedServers
{
    /// <summary>Names the file; nothing is written where it is not set.</summary>
    public const string Variable = "STREAMSETTLEMENT_TESTED_SERVERS";

    /// <param name="servers">With versions: "MySQL 9.7.4".</param>
    public static void Write(IEnumerable<string> servers)
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } file) File.WriteAllLines(file, servers);
    }

    /// <returns>Empty where the tests started no server.</returns>
    public static IReadOnlyList<string> Read(string file) => File.Exists(file) ? File.ReadAllLines(file) : [];
}
