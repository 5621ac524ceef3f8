using StreamSettlement.Contracts;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Ingest;
using StreamSettlement.IntegrationTests.Aggregator;
using StreamSettlement.IntegrationTests.Ingest;

namespace StreamSettlement.IntegrationTests.Faults;

/// <summary>The broker's disk, damaged under the services.</summary>
public sealed class BrokerFaultTests(Servers servers)
{
    [Fact]
    public async Task The_broker_is_killed_with_a_torn_segment()
    {
        TestBroker.RequireDevelopmentBroker();
        await using var log = await LogUnderTest.StartAsync(servers, ownBroker: true);
        await using var run = AggregatorRun.Start(log);
        await run.OwnsAsync();
        await log.ProduceAsync(TestRows.Of(seed: 121, rows: 1_000));
        await log.CaughtUpAsync();
        await log.Broker.RestartAsync(kill: true, meanwhile: async () =>
        {
            // The first half of a batch, as a write leaves it that was cut off.
            foreach (var segment in Directory.GetFiles(DevBrokerServer.DataDirectory(log.State), "*.log", SearchOption.AllDirectories))
            {
                var bytes = await File.ReadAllBytesAsync(segment, TestContext.Current.CancellationToken);
                if (bytes.Length < 100) continue;
                await using var file = new FileStream(segment, FileMode.Append);
                await file.WriteAsync(bytes.AsMemory(0, 90), TestContext.Current.CancellationToken);
            }
        });
        await log.ProduceAsync(TestRows.Of(seed: 122, rows: 1_000, firstId: 10_000));
        await log.CaughtUpAsync();
        await log.AssertEqualToProducedAsync();
        Assert.Contains("torn tail", await File.ReadAllTextAsync(log.Broker.Process.LogFile, TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_brokers_disk_is_full()
    {
        TestBroker.RequireDevelopmentBroker();
        await using var stage = await IngestStage.StartAsync(servers, ownBroker: true);
        await stage.Source.AddContentsAsync(1);
        var said = new RecordedLog<IngestTelemetry>();
        await using var run = IngestRun.Start(stage.Options, log: said);
        await run.BecameAsync("active");
        await LimitFilesAsync(stage.Broker, "65536");
        for (var i = 0; i < 20; i++) await stage.Source.AddViewsAsync(1_000, contents: 1);
        // Told so with every attempt; the producer tries again for 30 s, then ingest begins anew at its cursor.
        await LogUnderTest.UntilAsync(
            () => Task.FromResult(stage.Broker.Process.LogTail().Contains("can't be written", StringComparison.Ordinal)), () => Task.FromResult(stage.Broker.Process.LogTail()));
        await said.SaidAsync(104);
        // A broker answers, topics and cursors are read: all of it proves nothing.
        await LogUnderTest.UntilAsync(
            () =>
            {
                Assert.NotNull(run.Readiness.Snapshot()["log"]);
                return Task.FromResult(said.Times(104) >= 2);
            },
            () => Task.FromResult("ingest has not tried again"));
        await LimitFilesAsync(stage.Broker, "unlimited");
        await run.BecameAsync("active");
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Select(record => record.Id).Distinct().Count() >= 20_000);
        Assert.Equal(await stage.Source.IdsInOrderAsync("daily_member_view_log"), views.Select(record => record.Id).Distinct().Order());
    }

    /// <summary>No file may grow beyond it: what a write then gets is what a full disk gives it.</summary>
    private static Task<string> LimitFilesAsync(TestBroker broker, string bytes) =>
        Shell.RunAsync(["prlimit", "--pid", $"{broker.Process.Id}", $"--fsize={bytes}:"], TestContext.Current.CancellationToken);
}
