using System.Globalization;

namespace StreamSettlement.DevStack.Processes;

/// <summary>
/// Identifies one process for good: a process id alone is given to another process sooner or later, with its start time and the
/// machine's boot it is unique.
/// </summary>
/// <param name="StartTicks">Field 22 of /proc/pid/stat: clock ticks since boot.</param>
/// <param name="StopSignal">The signal that asks this process to stop.</param>
internal sealed record ProcessRecord(int Pid, long StartTicks, string BootId, int StopSignal)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(25);

    /// <summary>True while exactly this process runs; a zombie does not.</summary>
    public bool IsRunning => BootId == CurrentBootId() && TryStat(Pid, out var start, out var state) && start == StartTicks && state is not ('Z' or 'X');

    public static string CurrentBootId() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <returns>Null when there is no such process any more.</returns>
    public static ProcessRecord? OfRunning(int pid, int stopSignal) =>
        TryStat(pid, out var start, out _) ? new ProcessRecord(pid, start, CurrentBootId(), stopSignal) : null;

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
        Posix.Signal(-Pid, Posix.SigKill);
        ProcessTree.Kill(Pid);
        await GoneWithinAsync(TimeSpan.FromSeconds(10), time);
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

    private async Task<bool> GoneWithinAsync(TimeSpan patience, TimeProvider time)
    {
        for (var start = time.GetTimestamp(); IsRunning; await Task.Delay(Poll, time))
            if (time.GetElapsedTime(start) > patience) return false;
        return true;
    }

    private static bool TryStat(int pid, out long startTicks, out char state)
    {
        (startTicks, state) = (0, '\0');
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            // The name stands in parentheses and may hold blanks: the fields count from behind it. State is field 3, start time 22.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            state = fields[0][0];
            startTicks = long.Parse(fields[19], CultureInfo.InvariantCulture);
            return true;
        }
        catch (IOException)
        {
            return false; // no such process: missing, or gone between opening and reading
        }
    }
}
