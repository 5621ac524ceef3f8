using System.Globalization;

namespace StreamSettlement.DevStack.Processes;

/// <summary>What a process has taken of memory and processors.</summary>
internal static class ProcessUse
{
    /// <returns>The highest resident size so far, in MB (10^6 bytes); null when the process is gone.</returns>
    public static double? PeakMegabytes(int pid)
    {
        try
        {
            var line = File.ReadLines($"/proc/{pid}/status").FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null ? null : Math.Round(double.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1_024 / 1e6, 1);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <returns>Seconds on processors so far, of this process and of all that it has started: PostgreSQL's sessions are processes. Null when it is gone.</returns>
    public static double? CpuSeconds(int pid)
    {
        if (ProcessStat.Of(pid) is not { } root) return null;
        var ticks = Ticks(root) + ProcessTree.Descendants(pid).Sum(child => ProcessStat.Of(child) is { } stat ? Ticks(stat) : 0);
        return ticks / 100.0;

        static long Ticks(ProcessStat stat) => stat.CpuTicks + stat.EndedChildrenTicks;
    }
}
