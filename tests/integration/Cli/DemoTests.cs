using System.Text.Json;

namespace StreamSettlement.IntegrationTests.Cli;

public sealed class DemoTests(Servers servers) : IAsyncDisposable
{
    private readonly CommandState state = new(servers);

    [Fact]
    public async Task The_demo_pays_its_day_and_what_is_kept_can_be_operated_until_down()
    {
        var file = Path.Combine(state.Root, "demo.json");
        var (exitCode, output) = await CommandProcess.RunAsync(state.Root, $"demo --logs 3000 --ads 1500 --contents 50 --creators 5 --seed 11 --day 2026-11-21 --json {file} --keep");
        Assert.True(exitCode == 0, output);
        using (var json = JsonDocument.Parse(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)))
        {
            var report = json.RootElement;
            Assert.Equal("Posted", report.GetProperty("status").GetString());
            Assert.Equal(3_000, report.GetProperty("logs").GetInt64());
            Assert.Equal(1_500, report.GetProperty("counted_ads").GetInt64());
            Assert.Equal(0, report.GetProperty("dead_letters").GetInt64());
            // Below the first step of both cards: one won a view, ten an ad view.
            Assert.Equal((report.GetProperty("counted_views").GetInt64() + 15_000) * 1_000_000, report.GetProperty("payout_micros").GetInt64());
        }
        Assert.Equal(0, (await CommandProcess.RunAsync(state.Root, "close 2026-11-21")).ExitCode);
        Assert.Equal(0, (await CommandProcess.RunAsync(state.Root, "generate --logs 500 --ads 100 --contents 50 --creators 5 --day 2026-11-20")).ExitCode);
        var (closeExit, said) = await CommandProcess.RunAsync(state.Root, "close 2026-11-20");
        Assert.True(closeExit == 0, said);
        Assert.Equal(0, (await CommandProcess.RunAsync(state.Root, "down")).ExitCode);
        Assert.Equal(1, (await CommandProcess.RunAsync(state.Root, "env")).ExitCode);
    }

    public ValueTask DisposeAsync() => state.DisposeAsync();
}
