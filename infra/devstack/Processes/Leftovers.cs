using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.DevStack.Processes;

/// <summary>Processes of a run that was killed before it could stop them.</summary>
internal static class Leftovers
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Stops whatever the pid files in <paramref name="state"/> still stand for, clients before servers, and removes the files.</summary>
    /// <returns>The names of the processes that were still running.</returns>
    public static async Task<IReadOnlyList<string>> StopAsync(StateDirectory state, TimeProvider time)
    {
        var stopped = new List<string>();
        foreach (var file in Directory.GetFiles(state.RunDirectory, "*.pid").OrderBy(file => Stage(Path.GetFileNameWithoutExtension(file))))
        {
            if (ProcessRecord.Read(file) is { IsRunning: true } running)
            {
                await running.StopAsync(Patience, time);
                stopped.Add(Path.GetFileNameWithoutExtension(file));
            }
            File.Delete(file);
        }
        return stopped;
    }

    private static int Stage(string process) => process switch
    {
        _ when SourceServer.Names.Contains(process) || process == PostgresServer.Name => 2,
        _ when KafkaBroker.IsName(process) => 1,
        _ => 0,
    };
}
