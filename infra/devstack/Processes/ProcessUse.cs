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

    /// <returns>Seconds on processors so far, of this process alone; null when it is gone.</returns>
    public static double? CpuSeconds(int pid) => ProcessStat.Of(pid)?.CpuTicks / 100.0;
}
