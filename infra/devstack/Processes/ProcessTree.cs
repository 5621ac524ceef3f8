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

    public static void Kill(int root)
    {
        Stop(root);
        var children = Descendants(root);
        Posix.Signal(root, Posix.SigKill);
        foreach (var child in children) Posix.Signal(child, Posix.SigKill);
    }

    private static List<int> Descendants(int root)
    {
        var parents = new Dictionary<int, int>();
        foreach (var directory in Directory.GetDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var pid) && ParentOf(pid) is { } parent) parents[pid] = parent;
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

    private static int? ParentOf(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            // As in ProcessRecord: the fields count from behind the name. The parent is field 4.
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null; // gone meanwhile
        }
    }
}
