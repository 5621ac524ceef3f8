using System.Text.Json;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.IntegrationTests.Cli;

/// <remarks>One <c>up</c> at a time: each takes the well-known ports when they are free.</remarks>
[Collection(nameof(UpTests))]
public sealed class UpTests(Servers servers) : IAsyncDisposable
{
    private const string Ready = "Everything runs.";

    private readonly CommandState state = new(servers);
    private readonly string[] parts = [.. ((string[])["aggregator", "broker", "ingest", servers.Source.Process.Name, "postgres", "settlement"]).Order()];

    [Fact]
    public async Task Ctrl_C_stops_everything_and_leaves_no_process_behind()
    {
        await using var up = CommandProcess.Start(state.Root, "up");
        await up.SawAsync(Ready);
        var running = Running();
        Assert.Equal(parts, running.Keys.Order());
        Assert.All(running.Values, process => Assert.True(process.IsRunning));

        // A second one is refused, and harms nothing.
        var (secondExit, said) = await CommandProcess.RunAsync(state.Root, "up");
        Assert.Equal(1, secondExit);
        Assert.Contains("already running", said, StringComparison.Ordinal);
        Assert.All(running.Values, process => Assert.True(process.IsRunning));

        // Other terminals find it.
        var (envExit, variables) = await CommandProcess.RunAsync(state.Root, "env");
        Assert.Equal(0, envExit);
        foreach (var name in new[] { "SETTLEMENT_API=http://", "SETTLEMENT_TOKEN=eyJ", "KAFKA_BOOTSTRAP=", "TOPIC_PREFIX=''", "MYSQL_HOST=", "MYSQL_PORT=", "MYSQL_USER=", "MYSQL_PASSWORD=", "MYSQL_DATABASE=", "PGHOST=", "PGPORT=", "PGUSER=", "PGPASSWORD=", "PGDATABASE=" })
            Assert.Contains(name, variables, StringComparison.Ordinal);
        var (statusExit, status) = await CommandProcess.RunAsync(state.Root, "status --json");
        Assert.Equal(0, statusExit);
        using var json = JsonDocument.Parse(status);
        Assert.Equal(0, json.RootElement.GetProperty("streams").GetProperty("view-logs").GetProperty("lag").GetInt64());

        up.Signal(Posix.SigInt);
        Assert.Equal(0, await up.ExitAsync());
        Assert.All(running.Values, process => Assert.False(process.IsRunning));
        Assert.Empty(Running());
        Assert.Equal(1, (await CommandProcess.RunAsync(state.Root, "env")).ExitCode);
    }

    [Fact]
    public async Task What_a_killed_run_left_is_stopped_by_the_next_and_a_service_that_dies_is_started_again()
    {
        await using (var killed = CommandProcess.Start(state.Root, "up"))
        {
            await killed.SawAsync(Ready);
            killed.Signal(Posix.SigKill);
            await killed.ExitAsync();
        }
        var left = Running();
        Assert.Equal(parts, left.Keys.Order());
        Assert.All(left.Values, process => Assert.True(process.IsRunning));

        await using var next = CommandProcess.Start(state.Root, "up");
        await next.SawAsync("stopped what an earlier run had left");
        await next.SawAsync(Ready);
        Assert.All(left.Values, process => Assert.False(process.IsRunning));

        Posix.Signal(Running()["aggregator"].Pid, Posix.SigKill);
        await next.SawAsync("aggregator runs again");

        var running = Running();
        var (exitCode, said) = await CommandProcess.RunAsync(state.Root, "down");
        Assert.Equal(0, exitCode);
        Assert.Contains("stopped", said, StringComparison.Ordinal);
        Assert.Equal(0, await next.ExitAsync());
        Assert.All(running.Values, process => Assert.False(process.IsRunning));
        Assert.Contains("nothing was running", (await CommandProcess.RunAsync(state.Root, "down")).Output, StringComparison.Ordinal);
    }

    public ValueTask DisposeAsync() => state.DisposeAsync();

    private Dictionary<string, ProcessRecord> Running() => state.Processes("stack");
}
