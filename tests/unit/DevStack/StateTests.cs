using System.Runtime.Versioning;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.UnitTests.DevStack;

public sealed class StateTests : IDisposable
{
    private readonly StateDirectory state = new(Path.Combine(Path.GetTempPath(), "settlement-test-" + Path.GetRandomFileName()));

    [Fact]
    [SupportedOSPlatform("linux")]
    public void A_password_is_made_once_and_only_its_owner_reads_it()
    {
        var password = state.Password("somebody");
        Assert.Equal(32, password.Length);
        Assert.Equal(password, new StateDirectory(state.Root).Password("somebody"));
        Assert.NotEqual(password, state.Password("somebody-else"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(state.Root, "secrets", "somebody")));
    }

    [Fact]
    public void A_directory_has_one_owner_at_a_time()
    {
        Assert.Null(StackLock.Owner(state));
        using (var first = StackLock.TryTake(state))
        {
            Assert.NotNull(first);
            Assert.Null(StackLock.TryTake(state));
            Assert.Equal(Environment.ProcessId, StackLock.Owner(state)!.Pid);
        }
        using var next = StackLock.TryTake(state);
        Assert.NotNull(next);
    }

    [Fact]
    public void A_process_is_known_by_its_start_not_by_its_number_alone()
    {
        var self = ProcessRecord.OfRunning(Environment.ProcessId, Posix.SigTerm)!;
        Assert.True(self.IsRunning);
        Assert.False((self with { StartTicks = self.StartTicks - 1 }).IsRunning, "the number has been given again");
        Assert.False((self with { BootId = "another boot" }).IsRunning);
    }

    [Fact]
    public void What_a_process_is_and_took_is_read_behind_its_name_whatever_that_holds()
    {
        const string stat = "4711 (a) b (c) T 12 4711 4711 34816 4711 4194304 102 0 0 0 250 50 7 9 20 0 1 0 123456 2949120 170 18446744073709551615";
        Assert.Equal(new ProcessStat('T', 12, 300, 16, 123_456), ProcessStat.Parse(stat));
        Assert.True(ProcessStat.Of(Environment.ProcessId) is { IsRunning: true, Parent: > 0 });
        Assert.Null(ProcessStat.Of(int.MaxValue));
    }

    [Fact]
    public void A_pid_file_is_read_as_it_was_written_and_a_torn_one_is_none()
    {
        var path = state.PidFile("x");
        var self = ProcessRecord.OfRunning(Environment.ProcessId, Posix.SigInt)!;
        self.Write(path);
        Assert.Equal(self, ProcessRecord.Read(path));
        File.WriteAllText(path, "123 45");
        Assert.Null(ProcessRecord.Read(path));
        Assert.Null(ProcessRecord.Read(state.PidFile("absent")));
    }

    public void Dispose() => state.Delete();
}
