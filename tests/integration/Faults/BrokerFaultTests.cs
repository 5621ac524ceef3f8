using StreamSettlement.DevStack.Servers;
using StreamSettlement.IntegrationTests.Aggregator;

namespace StreamSettlement.IntegrationTests.Faults;

/// <summary>The broker's disk, damaged under the services.</summary>
public sealed class BrokerFaultTests(Servers servers)
{
    [Fact]
    public async Task The_broker_is_killed_with_a_torn_segment()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        await using var run = AggregatorRun.Start(log);
        await run.OwnsAsync();
        await log.ProduceAsync(TestRows.Of(seed: 121, rows: 1_000));
        await log.CaughtUpAsync();
        await log.RestartBrokerAsync(meanwhile: async () =>
        {
            // The first half of a batch, as a write leaves it that was cut off.
            foreach (var segment in Directory.GetFiles(Path.Combine(log.State.Root, BrokerProcess.Name), "*.log", SearchOption.AllDirectories))
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
}
