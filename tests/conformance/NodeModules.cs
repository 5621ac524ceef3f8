using System.ComponentModel;
using System.Diagnostics;

namespace StreamSettlement.ConformanceTests;

/// <summary>kafkajs, as package-lock.json has it, in a directory outside of the sources.</summary>
internal static class NodeModules
{
    /// <param name="sources">Where package.json and package-lock.json are.</param>
    /// <param name="target">Where it is installed; kept for the next run while the lock file is the same.</param>
    /// <returns>The directory for NODE_PATH.</returns>
    public static async Task<string> Install(string sources, string target)
    {
        var modules = Path.Combine(target, "node_modules");
        var wanted = await File.ReadAllTextAsync(Path.Combine(sources, "package-lock.json"));
        var installed = Path.Combine(target, "installed-lock.json");
        if (File.Exists(installed) && await File.ReadAllTextAsync(installed) == wanted) return modules;
        Directory.CreateDirectory(target);
        foreach (var file in (string[])["package.json", "package-lock.json"]) File.Copy(Path.Combine(sources, file), Path.Combine(target, file), overwrite: true);
        var start = new ProcessStartInfo("npm", ["ci", "--no-audit", "--no-fund"]) { WorkingDirectory = target, RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using var npm = Process.Start(start)!;
            var said = await Task.WhenAll(npm.StandardOutput.ReadToEndAsync(), npm.StandardError.ReadToEndAsync());
            await npm.WaitForExitAsync();
            if (npm.ExitCode != 0)
                throw new InvalidOperationException(
                    $"kafkajs, which {Path.Combine(sources, "package.json")} names, can't be installed: npm needs a registry that has it "
                    + $"('npm config get registry'). npm ci exited with {npm.ExitCode}: {string.Concat(said)}");
        }
        catch (Win32Exception missing)
        {
            throw new InvalidOperationException($"npm can't be run ({missing.Message}): install it with 'apt-get install nodejs npm'", missing);
        }
        await File.WriteAllTextAsync(installed, wanted);
        return modules;
    }
}
