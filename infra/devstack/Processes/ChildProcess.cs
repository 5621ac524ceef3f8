using System.Diagnostics;
using System.Globalization;

namespace StreamSettlement.DevStack.Processes;

/// <summary>What to start, and how it is asked to stop.</summary>
/// <param name="Name">Names the log file and the pid file.</param>
internal sealed record ChildCommand(string Name, string Program, IReadOnlyList<string> Arguments)
{
    /// <summary>Set on top of this process's own environment.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    public string? WorkingDirectory { get; init; }

    public int StopSignal { get; init; } = Posix.SigTerm;

    /// <summary>From the stop signal until the process is killed. Default 20 s.</summary>
    public TimeSpan StopPatience { get; init; } = TimeSpan.FromSeconds(20);
}

/// <summary>
/// A server or service that runs as a child of this process, in a session of its own: Ctrl-C in the terminal reaches only this process,
/// which stops its children in order. Both outputs are appended to the log file by the child itself, so nothing is lost and nothing
/// blocks when this process is killed; the pid file lets the next start find it then.
/// PR_SET_PDEATHSIG is no way out: it fires when the thread that forked ends, and .NET ends threads as it likes.
/// </summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    // The shell writes the pid file before it becomes the program: no moment in which the program runs unrecorded.
    private const string Launch = """
        read -r boot < /proc/sys/kernel/random/boot_id
        pid_file=$1 log=$2 signal=$3; shift 3
        read -r stat < /proc/$$/stat
        rest=${stat##*) }
        start=$(echo "$rest" | cut -d' ' -f20)
        echo "$$ $start $boot $signal" > "$pid_file"
        exec "$@" >> "$log" 2>&1 < /dev/null
        """;

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    private readonly Process process;
    private readonly ChildCommand command;
    private readonly string pidFile;
    private readonly TimeProvider time;
    private volatile bool stopping;

    private ChildProcess(Process process, ChildCommand command, string pidFile, string logFile, TimeProvider time)
    {
        (this.process, this.command, this.pidFile, LogFile, this.time) = (process, command, pidFile, logFile, time);
        Id = process.Id;
        Exited = ExitAsync();
    }

    public string Name => command.Name;

    public int Id { get; }

    public string LogFile { get; }

    /// <summary>Completes with the exit code when the process is gone.</summary>
    public Task<int> Exited { get; }

    /// <summary>True when the process ended though nobody stopped it.</summary>
    public bool ExitedUnexpectedly => Exited.IsCompleted && !stopping;

    public static ChildProcess Start(ChildCommand command, StateDirectory state, TimeProvider time)
    {
        var (logFile, pidFile) = (state.LogFile(command.Name), state.PidFile(command.Name));
        File.AppendAllText(logFile, string.Create(CultureInfo.InvariantCulture,
            $"=== {time.GetUtcNow():yyyy-MM-dd'T'HH:mm:ss'Z'} start: {command.Program} {string.Join(' ', command.Arguments)}\n"));
        var start = new ProcessStartInfo("setsid", ["sh", "-c", Launch, "sh", pidFile, logFile,
            command.StopSignal.ToString(CultureInfo.InvariantCulture), command.Program, .. command.Arguments])
        {
            // Redirected and closed at once: the child must not share this process's terminal.
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = command.WorkingDirectory ?? state.Root,
        };
        foreach (var (key, value) in command.Environment) start.Environment[key] = value;
        var process = new Process { StartInfo = start };
        process.Start();
        process.StandardInput.Close();
        process.StandardOutput.Close();
        process.StandardError.Close();
        return new ChildProcess(process, command, pidFile, logFile, time);
    }

    /// <param name="notReady">Returns null when ready, otherwise why not.</param>
    /// <exception cref="DevStackException">The process ended, or was not ready in time; the message holds the end of its log.</exception>
    public async Task WaitUntilReadyAsync(Func<CancellationToken, Task<string?>> notReady, TimeSpan patience, CancellationToken token)
    {
        for (var start = time.GetTimestamp(); ;)
        {
            if (Exited.IsCompleted) throw new DevStackException(await DescribeExitAsync());
            var reason = await notReady(token);
            if (reason is null) return;
            if (time.GetElapsedTime(start) > patience)
                throw new DevStackException($"{Name} was not ready within {patience.TotalSeconds:0} s: {reason}\n{LogTail()}");
            await Task.WhenAny(Exited, Task.Delay(Poll, time, token));
            token.ThrowIfCancellationRequested();
        }
    }

    /// <summary>One paragraph for a person: which process ended how, and the last lines of its log.</summary>
    public async Task<string> DescribeExitAsync() => $"{Name} (process {Id}) exited with code {await Exited}.\n{LogTail()}";

    /// <summary>The last lines of the log, with where to read the rest.</summary>
    public string LogTail(int lines = 15)
    {
        using var log = new StreamReader(new FileStream(LogFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        log.BaseStream.Seek(Math.Max(0, log.BaseStream.Length - 16_384), SeekOrigin.Begin);
        return $"Last lines of {LogFile}:\n  {string.Join("\n  ", log.ReadToEnd().TrimEnd().Split('\n').TakeLast(lines))}";
    }

    /// <returns>False when the process had to be killed.</returns>
    public async Task<bool> StopAsync()
    {
        stopping = true;
        var inTime = true;
        if (!Exited.IsCompleted && ProcessRecord.OfRunning(Id, command.StopSignal) is { } running)
        {
            inTime = await running.StopAsync(command.StopPatience, time);
            await Exited;
        }
        RemovePidFile();
        return inTime;
    }

    /// <summary>Kills the process and its children as a power cut would, and waits until all are gone: for tests of what survives that.</summary>
    public async Task KillAsync()
    {
        stopping = true;
        if (!Exited.IsCompleted) await ProcessRecord.KilledAsync(ProcessTree.Kill(Id), time);
        await Exited;
        RemovePidFile();
    }

    /// <summary>Halts the process and its children where they are, as a machine that swaps or a paused container does.</summary>
    public void Suspend()
    {
        if (!Exited.IsCompleted) ProcessTree.Stop(Id);
    }

    /// <summary>Lets it go on.</summary>
    public void Continue()
    {
        if (!Exited.IsCompleted) ProcessTree.Continue(Id);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        process.Dispose();
    }

    // Disposed after its successor has been started, it must leave that one's file: nobody would find the successor again.
    private void RemovePidFile()
    {
        if (ProcessRecord.Read(pidFile) is not { } recorded || recorded.Pid == Id) StateDirectory.Remove(pidFile);
    }

    private async Task<int> ExitAsync()
    {
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
