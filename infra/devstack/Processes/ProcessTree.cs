using System.Globalization;

namespace StreamSettlement.DevStack.Processes;

/// <summary>
/// Signals to a process and all its descendants: PostgreSQL's sessions are processes with groups of their own, which a signal to the
/// server's group does not reach.
/// </summary>
internal static class ProcessTree
{
    /// <summary>Halts all of them, the parent first: whoever is halted begins no further child.</summary>
    public static void Stop(int root)
    {
        Posix.Signal(root, Posix.SigStop);
        foreach (var child in Descendants(root)) Posix.Signal(child, Posix.SigStop);
    }

    public static void Continue(int root)
    {
        foreach (var child in Descendants(root)) Posix.Signal(child, Posix.SigCont);
        Posix.Signal(root, Posix.SigCont);
    }

    /// <returns>The descendants, which nobody here waits for: PostgreSQL's shared memory is in use until the last of its sessions is gone.</returns>
    public static IReadOnlyList<ProcessRecord> Kill(int root)
    {
        Stop(root);
        var children = Descendants(root).Select(child => ProcessRecord.OfRunning(child, Posix.SigKill)).OfType<ProcessRecord>().ToList();
        Posix.Signal(root, Posix.SigKill);
        foreach (var child in children) Posix.Signal(child.Pid, Posix.SigKill);
        return children;
    }

    public static IReadOnlyList<int> Descendants(int root)
    {
        var parents = new Dictionary<int, int>();
        foreach (var directory in Directory.GetDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var pid) && ProcessStat.Of(pid) is { } stat) parents[pid] = stat.Parent;
        var found = new List<int>();
        var next = new Queue<int>([root]);
        while (next.TryDequeue(out var one))
            foreach (var (child, parent) in parents)
                if (parent == one)
                {
                    found.Add(child);
                    next.Enqueue(child);
                }
        return found;
    }
}
