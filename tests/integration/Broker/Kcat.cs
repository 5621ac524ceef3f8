using System.ComponentModel;
using System.Diagnostics;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>Debian's kcat: a client that shares no code with ours.</summary>
internal static class Kcat
{
    /// <returns>What it printed.</returns>
    public static async Task<string> Run(string bootstrap, string arguments, string input = "")
    {
        using var process = Start(bootstrap, arguments);
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, $"kcat {arguments} exited with {process.ExitCode}: {await errors}");
        return await output;
    }

    public static Process Start(string bootstrap, string arguments)
    {
        var process = new Process
        {
            StartInfo = new ProcessStartInfo("kcat", $"-b {bootstrap} {arguments}")
            {
                RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
            },
        };
        try
        {
            process.Start();
        }
        catch (Win32Exception missing)
        {
            throw new InvalidOperationException($"kcat can't be run ({missing.Message}): install it with 'apt-get install kcat'", missing);
        }
        return process;
    }
}
