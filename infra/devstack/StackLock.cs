using System.Globalization;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack;

/// <summary>Held for as long as a process owns a state directory. The system frees it when that process ends, however it ends.</summary>
internal sealed class StackLock : IDisposable
{
    private readonly FileStream file;
    private readonly string ownerFile;

    private StackLock(FileStream file, string ownerFile) => (this.file, this.ownerFile) = (file, ownerFile);

    /// <returns>Null when another process owns the directory.</returns>
    public static StackLock? TryTake(StateDirectory state)
    {
        try
        {
            // FileShare.None is flock(LOCK_EX) on Linux. The owner's pid stands in a file of its own: the locked one cannot be opened.
            var file = new FileStream(Path.Combine(state.RunDirectory, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            var ownerFile = OwnerFile(state);
            (ProcessRecord.OfRunning(Environment.ProcessId, Posix.SigTerm) ?? throw new DevStackException("/proc does not list this process")).Write(ownerFile);
            return new StackLock(file, ownerFile);
        }
        catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException))
        {
            return null;
        }
    }

    /// <summary>The process that owns the directory; null when none does.</summary>
    public static ProcessRecord? Owner(StateDirectory state) =>
        ProcessRecord.Read(OwnerFile(state)) is { IsRunning: true } owner ? owner : null;

    public static string Describe(ProcessRecord? owner) =>
        owner is null ? "another process" : string.Create(CultureInfo.InvariantCulture, $"process {owner.Pid}");

    public void Dispose()
    {
        StateDirectory.Remove(ownerFile);
        file.Dispose();
    }

    private static string OwnerFile(StateDirectory state) => Path.Combine(state.RunDirectory, "owner");
}
