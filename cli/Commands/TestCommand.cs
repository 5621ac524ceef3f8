using System.CommandLine;
using System.Diagnostics;
using StreamSettlement.Cli.Testing;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Cli.Commands;

/// <summary>Builds and runs the test projects and adds up their results.</summary>
internal static class TestCommand
{
    public const string Configuration = "Release";
    private const string Conformance = "conformance";

    public static Command Create(Terminal terminal)
    {
        var suites = TestRun.Suites();
        var names = new Argument<string[]>("suite") { Description = $"Of: {string.Join(", ", suites)}. Default: all.", Arity = ArgumentArity.ZeroOrMore };
        names.AcceptOnlyFromAmong(suites);
        var bootstrap = Options.Addresses("--bootstrap", "For the suite 'conformance': test this Kafka cluster, not our broker.");
        var table = Options.Output("--table", "Write what passed on which servers into this Markdown file, between its markers.");
        var command = new Command("test", "Build and run the tests; the last line adds up all of them.") { names, bootstrap, table };
        var servers = new ServerOptions(command, running: false);
        command.Validators.Add(result =>
        {
            if (result.GetResult(bootstrap) is not null && result.GetValue(names) is not [Conformance])
                result.AddError($"--bootstrap is only for './settlement test {Conformance}': the other suites start servers of their own.");
        });
        command.SetAction(async (parsed, token) =>
        {
            // The runner, a child of this process, hands it to the tests.
            if (parsed.GetValue(bootstrap) is { } address) Environment.SetEnvironmentVariable("STREAMSETTLEMENT_BOOTSTRAP", address);
            var named = await servers.ReadAsync(parsed, token);
            var chosen = parsed.GetValue(names) is { Length: > 0 } some ? some : suites;
            return await RunAsync(terminal, [.. TestRun.Of(chosen, named)], parsed.GetValue(table), token);
        });
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, IReadOnlyList<TestRun> runs, FileInfo? table, CancellationToken token)
    {
        var results = new List<SuiteResult>();
        foreach (var run in runs) results.Add(await RunAsync(terminal, run, token));
        foreach (var result in results) terminal.Line($"--- {result.Run.Name}: {result.Counts}{(result.Servers.Count == 0 ? "" : $" on {string.Join(", ", result.Servers)}")}");
        if (table is not null) await WriteAsync(table, results, token);
        var total = results.Aggregate(default(TestCounts), (sum, result) => sum + result.Counts);
        terminal.Line(total.ToString());
        return total is { Failed: 0, Passed: > 0 } ? ExitCodes.Done : ExitCodes.Refused;
    }

    private static async Task WriteAsync(FileInfo table, IReadOnlyList<SuiteResult> results, CancellationToken token)
    {
        var text = table.Exists ? await File.ReadAllTextAsync(table.FullName, token) : $"{TestTable.Begin}\n{TestTable.End}\n";
        var replaced = TestTable.Replace(text, results)
            ?? throw new DevStackException($"{table.FullName} has no place for the table: a line {TestTable.Begin} and after it a line {TestTable.End}.");
        await File.WriteAllTextAsync(table.FullName, replaced, token);
    }

    private static async Task<SuiteResult> RunAsync(Terminal terminal, TestRun run, CancellationToken token)
    {
        var project = Directory.GetFiles(Path.Combine(Repository.Root, "tests", run.Suite), "*.csproj").Single();
        terminal.Line($"--- {run.Name}: building");
        if (await RunAsync("dotnet", ["build", project, "-c", Configuration, "--nologo", "-v", "quiet", "-clp:NoSummary"], token) is not 0 and var build)
        {
            terminal.Line($"--- {run.Name}: the build failed with exit code {build}");
            return new SuiteResult(run, new TestCounts(0, 1, 0), []);
        }
        var directory = Directory.CreateDirectory(Path.Combine(LocalStates.Root, "test-results")).FullName;
        var (results, servers) = (Path.Combine(directory, run.Name + ".xml"), Path.Combine(directory, run.Name + ".servers"));
        File.Delete(results);
        File.Delete(servers);
        var name = $"StreamSettlement.{Path.GetFileNameWithoutExtension(project)}";
        var assembly = Path.Combine(Path.GetDirectoryName(project)!, "bin", Configuration, "net10.0", $"{name}.dll");
        var exitCode = await RunAsync("dotnet", [assembly, "-noLogo", "-xml", results, .. run.Filter(name), .. terminal.Interactive ? [] : (string[])["-noColor"]], token, run.Environment(servers));
        var counts = File.Exists(results) ? TestCounts.Read(await File.ReadAllTextAsync(results, token)) : default;
        if (!File.Exists(results)) terminal.Line($"--- {run.Name}: the runner ended with exit code {exitCode} and left no results");
        // A runner that crashed, also after writing them, or that says so in another way, has not passed.
        if ((exitCode != 0 || counts.Passed + counts.Skipped == 0) && counts.Failed == 0) counts += new TestCounts(0, 1, 0);
        return new SuiteResult(run, counts, TestedServers.Read(servers));
    }

    /// <summary>
    /// Runs a program with the outputs of this one: the person sees it at work. In a session of its own, so that Ctrl-C in the terminal
    /// reaches it once, through this process: a test runner takes a second SIGINT for impatience, and leaves its servers running.
    /// </summary>
    /// <param name="environment">On top of this process's own; null removes a variable.</param>
    /// <returns>Its exit code.</returns>
    public static async Task<int> RunAsync(
        string program, IReadOnlyList<string> arguments, CancellationToken token, IReadOnlyDictionary<string, string?>? environment = null)
    {
        using var process = new Process { StartInfo = new ProcessStartInfo("setsid", [program, .. arguments]) { WorkingDirectory = Repository.Root } };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            if (value is null) process.StartInfo.Environment.Remove(name);
            else process.StartInfo.Environment[name] = value;
        }
        process.Start();
        try
        {
            await process.WaitForExitAsync(token);
        }
        catch (OperationCanceledException)
        {
            // Asked, not killed: the tests stop the servers that they started.
            Posix.Signal(process.Id, Posix.SigInt);
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }
        return process.ExitCode;
    }
}
