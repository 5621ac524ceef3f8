using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.UnitTests.DevStack;

public sealed class ChildProcessTests : IDisposable
{
    private readonly StateDirectory state = new(Path.Combine(Path.GetTempPath(), "settlement-test-" + Path.GetRandomFileName()));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_child_that_ends_is_reported_with_its_exit_code_and_last_words()
    {
        await using var child = Start("echo something is wrong >&2; exit 3");
        var reported = await Assert.ThrowsAsync<DevStackException>(() => child.WaitUntilReadyAsync(_ => Task.FromResult<string?>("not yet"), TimeSpan.FromMinutes(1), Token));
        Assert.Contains("exited with code 3", reported.Message, StringComparison.Ordinal);
        Assert.Contains("something is wrong", reported.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_child_that_does_not_become_ready_is_reported_with_the_reason()
    {
        await using var child = Start("echo waiting; exec sleep 60");
        var reported = await Assert.ThrowsAsync<DevStackException>(() => child.WaitUntilReadyAsync(_ => Task.FromResult<string?>("the sun is not up"), TimeSpan.FromMilliseconds(200), Token));
        Assert.Contains("the sun is not up", reported.Message, StringComparison.Ordinal);
        Assert.True(await child.StopAsync());
    }

    [Fact]
    public async Task A_child_that_ignores_the_signal_is_killed_with_its_own_children()
    {
        await using var child = Start("trap '' TERM; sleep 60 & echo $! > sleeper; wait; sleep 60", TimeSpan.FromMilliseconds(200));
        await child.WaitUntilReadyAsync(_ => Task.FromResult(File.Exists(Sleeper) && new FileInfo(Sleeper).Length > 0 ? null : "not yet"), TimeSpan.FromMinutes(1), Token);
        var sleeper = ProcessRecord.OfRunning(int.Parse(await File.ReadAllTextAsync(Sleeper, Token), null), Posix.SigTerm)!;
        Assert.False(await child.StopAsync());
        Assert.False(sleeper.IsRunning);
        Assert.Empty(Directory.GetFiles(state.RunDirectory));
    }

    [Fact]
    public async Task A_child_counts_as_killed_when_its_own_children_are_gone_too()
    {
        // A session of its own, as PostgreSQL's have groups of their own.
        await using var child = Start("setsid sh -c 'echo $$ > sleeper; exec sleep 60' & wait");
        await child.WaitUntilReadyAsync(_ => Task.FromResult(File.Exists(Sleeper) && new FileInfo(Sleeper).Length > 0 ? null : "not yet"), TimeSpan.FromMinutes(1), Token);
        var sleeper = ProcessRecord.OfRunning(int.Parse(await File.ReadAllTextAsync(Sleeper, Token), null), Posix.SigTerm)!;
        await child.KillAsync();
        Assert.False(sleeper.IsRunning);
        Assert.False(child.ExitedUnexpectedly);
    }

    [Fact]
    public async Task A_child_is_stopped_though_the_directory_of_its_pid_file_is_gone()
    {
        await using var child = Start("exec sleep 60");
        await child.WaitUntilReadyAsync(_ => Task.FromResult(ProcessRecord.Read(state.PidFile("child")) is null ? "not yet" : null), TimeSpan.FromMinutes(1), Token);
        Directory.Delete(state.RunDirectory, recursive: true);
        Assert.True(await child.StopAsync());
        Assert.True(child.Exited.IsCompleted);
    }

    [Fact]
    public async Task A_halted_child_hears_that_it_is_to_stop_and_so_does_its_own_child()
    {
        await using var child = Start("sleep 60 & echo $! > sleeper; trap 'kill %1; exit 0' TERM; wait");
        await child.WaitUntilReadyAsync(_ => Task.FromResult(File.Exists(Sleeper) && new FileInfo(Sleeper).Length > 0 ? null : "not yet"), TimeSpan.FromMinutes(1), Token);
        var sleeper = int.Parse(await File.ReadAllTextAsync(Sleeper, Token), null);
        var sleeping = ProcessRecord.OfRunning(sleeper, Posix.SigTerm)!;
        child.Suspend();
        // A signal is sent when the call returns; heard when the process next runs.
        await child.WaitUntilReadyAsync(_ => Task.FromResult((ProcessStat.Of(child.Id)?.State, ProcessStat.Of(sleeper)?.State) is ('T', 'T') ? null : "not halted yet"), TimeSpan.FromMinutes(1), Token);
        Assert.True(await child.StopAsync());
        Assert.True(await sleeping.AskToStopAsync(TimeSpan.FromSeconds(30), TimeProvider.System));
    }

    [Fact]
    public async Task Leftovers_are_found_by_their_pid_files_and_a_number_given_again_is_left_alone()
    {
        await using var left = Start("exec sleep 60", name: "left");
        await left.WaitUntilReadyAsync(_ => Task.FromResult(ProcessRecord.Read(state.PidFile("left")) is { IsRunning: true } ? null : "not yet"), TimeSpan.FromMinutes(1), Token);
        // Says that this very process is a leftover, but with another start.
        var self = ProcessRecord.OfRunning(Environment.ProcessId, Posix.SigTerm)!;
        (self with { StartTicks = self.StartTicks - 1 }).Write(state.PidFile("stranger"));
        Assert.Equal(["left"], await Leftovers.StopAsync(state, TimeProvider.System));
        await left.Exited;
        Assert.Empty(Directory.GetFiles(state.RunDirectory));
    }

    [Fact]
    public async Task A_former_process_that_is_disposed_late_leaves_its_successor_recorded()
    {
        await using var former = Start("exec sleep 60");
        Assert.True(await former.StopAsync());
        await using var successor = Start("exec sleep 60");
        await successor.WaitUntilReadyAsync(_ => Task.FromResult(ProcessRecord.Read(state.PidFile("child")) is null ? "not yet" : null), TimeSpan.FromMinutes(1), Token);
        await former.DisposeAsync();
        await former.DisposeAsync();
        Assert.Equal(successor.Id, ProcessRecord.Read(state.PidFile("child"))!.Pid);
        await successor.StopAsync();
        Assert.Empty(Directory.GetFiles(state.RunDirectory));
    }

    [Fact]
    public async Task Every_start_appends_to_the_log_under_a_line_of_its_own()
    {
        foreach (var word in new[] { "first", "second" })
        {
            await using var child = Start($"echo {word}");
            await child.Exited;
        }
        var log = await File.ReadAllTextAsync(state.LogFile("child"), Token);
        Assert.Equal(2, log.Split('\n').Count(line => line.StartsWith("===", StringComparison.Ordinal)));
        Assert.Contains("\nfirst\n===", log, StringComparison.Ordinal);
        Assert.EndsWith("\nsecond\n", log, StringComparison.Ordinal);
    }

    public void Dispose() => state.Delete();

    private string Sleeper => Path.Combine(state.Root, "sleeper");

    private ChildProcess Start(string script, TimeSpan? patience = null, string name = "child") =>
        ChildProcess.Start(new ChildCommand(name, "sh", ["-c", script]) { StopPatience = patience ?? TimeSpan.FromSeconds(30) }, state, TimeProvider.System);
}
