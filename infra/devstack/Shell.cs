using System.Diagnostics;

namespace StreamSettlement.DevStack;

/// <summary>Programs that run for a moment and whose result is awaited.</summary>
internal static class Shell
{
    /// <returns>The exit code and what the program wrote to both outputs.</returns>
    public static async Task<(int ExitCode, string Output)> TryRunAsync(IReadOnlyList<string> line, CancellationToken token)
    {
        using var process = new Process { StartInfo = new ProcessStartInfo(line[0], line.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true } };
        process.Start();
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(token);
        var error = process.StandardError.ReadToEndAsync(token);
        try
        {
            await process.WaitForExitAsync(token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        return (process.ExitCode, await output + await error);
    }

    /// <exception cref="DevStackException">The program failed; the message holds its output.</exception>
    public static async Task<string> RunAsync(IReadOnlyList<string> line, CancellationToken token)
    {
        var (exitCode, output) = await TryRunAsync(line, token);
        return exitCode == 0 ? output : throw new DevStackException($"'{string.Join(' ', line)}' exited with code {exitCode}:\n{output.Trim()}");
    }

    /// <summary>The words to put before a command so that it runs as <paramref name="user"/>; none when this process may not change users.</summary>
    public static IReadOnlyList<string> RunAs(string? user) =>
        user is null || !Posix.IsRoot ? [] : ["setpriv", $"--reuid={user}", $"--regid={user}", "--init-groups", "--"];
}
