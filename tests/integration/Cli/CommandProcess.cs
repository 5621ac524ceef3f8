using System.Diagnostics;
using System.Text;
using System.Threading.Channels;
using StreamSettlement.DevStack;

namespace StreamSettlement.IntegrationTests.Cli;

/// <summary>The command as a person runs it: a process of its own, with a state directory of the test's.</summary>
internal sealed class CommandProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly Channel<string> lines = Channel.CreateUnbounded<string>();
    private readonly StringBuilder output = new();

    private CommandProcess(Process process) => this.process = process;

    /// <summary>Both outputs so far.</summary>
    public string Output
    {
        get { lock (output) return output.ToString(); }
    }

    public static CommandProcess Start(string stateRoot, string arguments) => Start(stateRoot, arguments.Split(' '), new Dictionary<string, string>());

    public static CommandProcess Start(string stateRoot, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(Path.Combine(Repository.DotnetRoot, "dotnet"), [Repository.Program("cli", "Cli"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["SETTLEMENT_STATE"] = stateRoot;
        start.Environment.Remove("SETTLEMENT_API");
        start.Environment.Remove("SETTLEMENT_TOKEN");
        foreach (var (name, value) in environment) start.Environment[name] = value;
        var command = new CommandProcess(new Process { StartInfo = start });
        command.process.OutputDataReceived += (_, line) => command.Add(line.Data);
        command.process.ErrorDataReceived += (_, line) => command.Add(line.Data);
        command.process.Start();
        command.process.BeginOutputReadLine();
        command.process.BeginErrorReadLine();
        return command;
    }

    /// <summary>Runs to the end.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string stateRoot, string arguments)
    {
        await using var command = Start(stateRoot, arguments);
        return (await command.ExitAsync(), command.Output);
    }

    /// <summary>Waits for a line; fails with the whole output when the process ends before.</summary>
    public async Task SawAsync(string text)
    {
        var token = TestContext.Current.CancellationToken;
        var exit = process.WaitForExitAsync(token);
        while (true)
        {
            while (lines.Reader.TryRead(out var line))
                if (line.Contains(text, StringComparison.Ordinal)) return;
            var more = lines.Reader.WaitToReadAsync(token).AsTask();
            if (await Task.WhenAny(more, exit) == exit && !lines.Reader.TryPeek(out _)) Assert.Fail($"ended without '{text}':\n{Output}");
        }
    }

    public void Signal(int signal) => Posix.Signal(process.Id, signal);

    public async Task<int> ExitAsync()
    {
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            Signal(Posix.SigInt);
            await process.WaitForExitAsync();
        }
        process.Dispose();
    }

    private void Add(string? line)
    {
        if (line is null) return;
        lock (output) output.AppendLine(line);
        lines.Writer.TryWrite(line);
    }
}
