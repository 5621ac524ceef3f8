using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Xml.Linq;
using StreamSettlement.DevStack;

namespace StreamSettlement.Cli.Commands;

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

/// <summary>Builds and runs the test projects and adds up their results.</summary>
internal static class TestCommand
{
    public const string Configuration = "Release";
    private const string Conformance = "conformance";

    public static Command Create(Terminal terminal)
    {
        var suites = Suites();
        var names = new Argument<string[]>("suite") { Description = $"Of: {string.Join(", ", suites)}. Default: all.", Arity = ArgumentArity.ZeroOrMore };
        names.AcceptOnlyFromAmong(suites);
        var bootstrap = Options.Address("--bootstrap", "For the suite 'conformance': test this Kafka cluster, not our broker.");
        var command = new Command("test", "Build and run the tests; the last line adds up all of them.") { names, bootstrap };
        command.Validators.Add(result =>
        {
            if (result.GetResult(bootstrap) is not null && result.GetValue(names) is not [Conformance])
                result.AddError($"--bootstrap is only for './settlement test {Conformance}': the other suites start servers of their own.");
        });
        command.SetAction((parsed, token) =>
        {
            // The runner, a child of this process, hands it to the tests.
            if (parsed.GetValue(bootstrap) is { } address) Environment.SetEnvironmentVariable("STREAMSETTLEMENT_BOOTSTRAP", address);
            return RunAsync(terminal, parsed.GetValue(names) is { Length: > 0 } chosen ? chosen : suites, token);
        });
        return command;
    }

    // Every project below tests/, the quick ones first.
    private static string[] Suites() => [.. Directory.GetDirectories(Path.Combine(Repository.Root, "tests"))
        .Where(directory => Directory.GetFiles(directory, "*.csproj").Length > 0)
        .Select(directory => Path.GetFileName(directory)!)
        .OrderBy(name => name != "unit").ThenBy(name => name, StringComparer.Ordinal)];

    private static async Task<int> RunAsync(Terminal terminal, IReadOnlyList<string> suites, CancellationToken token)
    {
        var total = default(TestCounts);
        foreach (var suite in suites) total += await RunSuiteAsync(terminal, suite, token);
        terminal.Line(total.ToString());
        return total is { Failed: 0, Passed: > 0 } ? ExitCodes.Done : ExitCodes.Refused;
    }

    private static async Task<TestCounts> RunSuiteAsync(Terminal terminal, string suite, CancellationToken token)
    {
        var project = Directory.GetFiles(Path.Combine(Repository.Root, "tests", suite), "*.csproj").Single();
        terminal.Line($"--- {suite}: building");
        if (await RunAsync("dotnet", ["build", project, "-c", Configuration, "--nologo", "-v", "quiet", "-clp:NoSummary"], token) is not 0 and var build)
        {
            terminal.Line($"--- {suite}: the build failed with exit code {build}");
            return new TestCounts(0, 1, 0);
        }
        var results = Path.Combine(Directory.CreateDirectory(Path.Combine(LocalStates.Root, "test-results")).FullName, suite + ".xml");
        File.Delete(results);
        var assembly = Path.Combine(Path.GetDirectoryName(project)!, "bin", Configuration, "net10.0", $"StreamSettlement.{Path.GetFileNameWithoutExtension(project)}.dll");
        var exitCode = await RunAsync("dotnet", [assembly, "-noLogo", "-xml", results, .. terminal.Interactive ? [] : (string[])["-noColor"]], token);
        if (!File.Exists(results))
        {
            terminal.Line($"--- {suite}: the runner ended with exit code {exitCode} and left no results");
            return new TestCounts(0, 1, 0);
        }
        var counts = TestCounts.Read(await File.ReadAllTextAsync(results, token));
        // A runner that crashed after writing them, or that says so in another way, has not passed.
        if (exitCode != 0 && counts.Failed == 0) counts += new TestCounts(0, 1, 0);
        terminal.Line($"--- {suite}: {counts}");
        return counts;
    }

    /// <summary>
    /// Runs a program with the outputs of this one: the person sees it at work. In a session of its own, so that Ctrl-C in the terminal
    /// reaches it once, through this process: a test runner takes a second SIGINT for impatience, and leaves its servers running.
    /// </summary>
    /// <returns>Its exit code.</returns>
    public static async Task<int> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken token)
    {
        using var process = new Process { StartInfo = new ProcessStartInfo("setsid", [program, .. arguments]) { WorkingDirectory = Repository.Root } };
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
