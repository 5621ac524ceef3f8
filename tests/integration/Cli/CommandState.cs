using StreamSettlement.Cli.Commands;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.IntegrationTests.Cli;

/// <summary>What the command keeps, for one test. Whatever a failed test left running there is stopped when it is disposed, then all is deleted.</summary>
internal sealed class CommandState(Servers servers) : IAsyncDisposable
{
    private readonly StateDirectory root = servers.NewStateDirectory();

    public string Root => root.Root;

    /// <summary>The processes of a stack that have a pid file, by name, whether they run or not.</summary>
    /// <param name="stack">stack, demo, bench-stack or chaos.</param>
    public Dictionary<string, ProcessRecord> Processes(string stack)
    {
        var directory = Path.Combine(Root, stack, "run");
        return Directory.Exists(directory)
            ? Directory.GetFiles(directory, "*.pid").Select(file => (Name: Path.GetFileNameWithoutExtension(file), Process: ProcessRecord.Read(file)))
                .Where(one => one.Process is not null).ToDictionary(one => one.Name, one => one.Process!)
            : [];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var state in LocalStates.Under(Root))
        {
            await LocalStack.StopAsync(state, TimeProvider.System);
            state.Delete();
        }
        root.Delete();
    }
}
