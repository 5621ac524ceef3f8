using System.Runtime.Versioning;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests.DevStack;

public sealed class ClosedDirectoryTests
{
    [Fact]
    [SupportedOSPlatform("linux")]
    public async Task A_server_starts_where_its_user_cannot_reach_the_state_directory_and_nothing_stays_when_it_is_deleted()
    {
        var token = TestContext.Current.CancellationToken;
        var closed = Directory.CreateTempSubdirectory("settlement-closed-"); // mode 0700
        // Longer than a socket's name may be.
        var state = new StateDirectory(Path.Combine(closed.FullName, new string('d', 120)));
        try
        {
            await using (var postgres = await PostgresServer.StartAsync(state, TimeProvider.System, token))
                await postgres.ExecuteAsync("select 1", token);
            await using (var source = await Servers.StartSourceAsync(state, token))
                await source.ExecuteAsync("select 1", token);
            var data = new DirectoryInfo(Path.Combine(state.Root, PostgresServer.Name));
            var far = data.LinkTarget;
            Assert.Equal(Posix.IsRoot, far is not null);
            state.Delete();
            Assert.False(far is not null && Directory.Exists(Path.GetDirectoryName(far)));
        }
        finally
        {
            state.Delete();
            closed.Delete(recursive: true);
        }
    }
}
