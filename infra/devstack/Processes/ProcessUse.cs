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
    public static double? CpuSeconds(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            // As in ProcessRecord: behind the name. User time is field 14, system time 15, in ticks of 1/100 s (USER_HZ).
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / 100.0;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
