using System.Globalization;

namespace StreamSettlement.DevStack.Processes;

/// <summary>
/// Identifies one process for good: a process id alone is given to another process sooner or later, with its start time and the
/// machine's boot it is unique.
/// </summary>
/// <param name="StartTicks">Clock ticks since boot.</param>
/// <param name="StopSignal">The signal that asks this process to stop.</param>
internal sealed record ProcessRecord(int Pid, long StartTicks, string BootId, int StopSignal)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(25);

    /// <summary>For what has been killed: longer only where the kernel itself hangs.</summary>
    private static readonly TimeSpan KillPatience = TimeSpan.FromSeconds(10);

    /// <summary>True while exactly this process runs; a zombie does not.</summary>
    public bool IsRunning => BootId == CurrentBootId() && ProcessStat.Of(Pid) is { IsRunning: true } stat && stat.StartTicks == StartTicks;

    public static string CurrentBootId() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <returns>Null when there is no such process any more.</returns>
    public static ProcessRecord? OfRunning(int pid, int stopSignal) =>
        ProcessStat.Of(pid) is { } stat ? new ProcessRecord(pid, stat.StartTicks, CurrentBootId(), stopSignal) : null;

    /// <returns>Null when the file is missing or was cut off by a crash.</returns>
    public static ProcessRecord? Read(string path)
    {
        if (!File.Exists(path)) return null;
        var words = File.ReadAllText(path).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return words.Length == 4 && int.TryParse(words[0], out var pid) && long.TryParse(words[1], out var start) && int.TryParse(words[3], out var signal)
            ? new ProcessRecord(pid, start, words[2], signal)
            : null;
    }

    public void Write(string path) =>
        File.WriteAllText(path, string.Create(CultureInfo.InvariantCulture, $"{Pid} {StartTicks} {BootId} {StopSignal}\n"));

    /// <summary>Asks the process to stop, and kills it with its process group when it has not within <paramref name="patience"/>.</summary>
    /// <returns>False when it had to be killed.</returns>
    public async Task<bool> StopAsync(TimeSpan patience, TimeProvider time)
    {
        if (await AskToStopAsync(patience, time)) return true;
        // The tree first: once its root is dead, those of it that left the group cannot be told from others any more.
        var children = ProcessTree.Kill(Pid);
        Posix.Signal(-Pid, Posix.SigKill);
        await KilledAsync([this, .. children], time);
        return false;
    }

    /// <summary>Asks the process to stop and waits, but never kills it.</summary>
    /// <returns>False when it still runs after <paramref name="patience"/>.</returns>
    public async Task<bool> AskToStopAsync(TimeSpan patience, TimeProvider time)
    {
        if (!IsRunning || !Posix.Signal(Pid, StopSignal)) return true;
        // One that somebody has halted would not hear it.
        ProcessTree.Continue(Pid);
        return await GoneWithinAsync(patience, time);
    }

    /// <summary>Waits until all are gone that have been sent SIGKILL: what they hold is free only then.</summary>
    public static async Task KilledAsync(IEnumerable<ProcessRecord> killed, TimeProvider time)
    {
        foreach (var process in killed) await process.GoneWithinAsync(KillPatience, time);
    }

    private async Task<bool> GoneWithinAsync(TimeSpan patience, TimeProvider time)
    {
        for (var start = time.GetTimestamp(); IsRunning; await Task.Delay(Poll, time))
            if (time.GetElapsedTime(start) > patience) return false;
        return true;
    }
}
