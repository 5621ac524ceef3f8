using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.IntegrationTests.DevStack;

public sealed class LocalStackTests(Servers servers)
{
    [Fact]
    public async Task What_cannot_be_tidied_up_after_keeps_no_other_server_running()
    {
        var token = TestContext.Current.CancellationToken;
        var state = servers.NewStateDirectory();
        var stack = await LocalStack.StartServersAsync(state, new LocalStackSettings { MySqlHome = Servers.MySqlHome }, _ => { }, TimeProvider.System, token);
        var running = stack.Processes().Select(process => ProcessRecord.OfRunning(process.Id, Posix.SigTerm)!).ToList();
        Assert.Equal(3, running.Count);
        // The broker is stopped before the databases, and its pid file cannot be removed.
        File.Delete(state.PidFile("broker"));
        Directory.CreateDirectory(state.PidFile("broker"));

        var thrown = await Assert.ThrowsAsync<DevStackException>(() => stack.DisposeAsync().AsTask());

        Assert.Contains("broker.pid", thrown.Message, StringComparison.Ordinal);
        Assert.All(running, process => Assert.False(process.IsRunning));
        Assert.Null(StackLock.Owner(state));
        state.Delete();
    }
}
