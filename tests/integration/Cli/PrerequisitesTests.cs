using System.Diagnostics;
using StreamSettlement.DevStack;

namespace StreamSettlement.IntegrationTests.Cli;

/// <summary>The script on a machine that lacks something: a PATH with little else than the shell.</summary>
public sealed class PrerequisitesTests(Servers servers) : IDisposable
{
    private static readonly string[] ShellTools = ["bash", "env", "dirname", "readlink", "grep", "cat", "id", "find"];

    private readonly StateDirectory root = servers.NewStateDirectory();

    [Fact]
    public async Task Without_a_dotnet_sdk_it_says_how_to_get_one_and_exits_3()
    {
        var (exit, said) = await RunAsync(ShellTools);

        Assert.Equal(3, exit);
        Assert.Contains("needs the .NET 10 SDK", said, StringComparison.Ordinal);
        Assert.Contains("dotnet-install.sh", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_it_can_not_install_it_names_the_missing_packages_and_exits_3()
    {
        var (exit, said) = await RunAsync([.. ShellTools, "dotnet"]);

        Assert.Equal(3, exit);
        Assert.Contains("They cannot be installed from here. As root: apt-get install kcat", said, StringComparison.Ordinal);
    }

    public void Dispose() => root.Delete();

    private async Task<(int ExitCode, string Output)> RunAsync(string[] tools)
    {
        var path = Directory.CreateDirectory(Path.Combine(root.Root, $"path-{tools.Length}")).FullName;
        foreach (var tool in tools)
            File.CreateSymbolicLink(Path.Combine(path, tool), tool == "dotnet" ? Path.Combine(Repository.DotnetRoot, tool) : Found(tool));
        var start = new ProcessStartInfo(Path.Combine(Repository.Root, "settlement"), ["status"]) { RedirectStandardError = true };
        start.Environment["PATH"] = path;
        using var script = Process.Start(start)!;
        var said = await script.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await script.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (script.ExitCode, said);
    }

    private static string Found(string tool) => Environment.GetEnvironmentVariable("PATH")!.Split(':')
        .Select(directory => Path.Combine(directory, tool)).First(File.Exists);
}
