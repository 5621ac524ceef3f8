using StreamSettlement.Cli.Chaos;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.UnitTests.Cli;

public sealed class TakeoverWatchTests
{
    [Fact]
    public async Task Without_PostgreSQL_nothing_is_watched_and_the_run_goes_on()
    {
        // Nobody listens on port 1.
        var away = new PostgresDatabase("away", "Host=127.0.0.1;Port=1;Username=nobody;Password=none", _ => Task.CompletedTask);
        await using (away) Assert.Null(await TakeoverWatch.BeginAsync(away, Environment.ProcessId, TimeProvider.System, TestContext.Current.CancellationToken));
    }
}
