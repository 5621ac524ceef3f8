using System.Globalization;

namespace StreamSettlement.DevStack.Processes;

/// <summary>What /proc/pid/stat says of a process; see proc(5).</summary>
/// <param name="State">One letter: R, S, D, T (halted), Z (ended, but nobody has asked how).</param>
/// <param name="CpuTicks">On processors so far, in user and system mode, in ticks of 1/100 s (USER_HZ).</param>
/// <param name="EndedChildrenTicks">The same of its children that have ended, and of theirs.</param>
/// <param name="StartTicks">When it started: clock ticks since boot.</param>
internal readonly record struct ProcessStat(char State, int Parent, long CpuTicks, long EndedChildrenTicks, long StartTicks)
{
    /// <summary>False for one that has ended: it holds neither memory nor files any more.</summary>
    public bool IsRunning => State is not ('Z' or 'X');

    /// <returns>Null when there is no such process, or it went while it was read.</returns>
    public static ProcessStat? Of(int pid)
    {
        try
        {
            return Parse(File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat")));
        }
        catch (IOException)
        {
            return null;
        }
    }

    public static ProcessStat Parse(string stat)
    {
        // The name, field 2, stands in parentheses and may hold blanks and parentheses: the fields count from behind it, from field 3 on.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return new ProcessStat(fields[0][0], checked((int)Number(4)), Number(14) + Number(15), Number(16) + Number(17), Number(22));

        long Number(int field) => long.Parse(fields[field - 3], CultureInfo.InvariantCulture);
    }
}
