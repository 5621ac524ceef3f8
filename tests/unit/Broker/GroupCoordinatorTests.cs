using Microsoft.Extensions.Logging.Abstractions;
using StreamSettlement.DevBroker;
using StreamSettlement.DevBroker.Groups;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.UnitTests.Broker;

public sealed class GroupCoordinatorTests
{
    [Fact]
    public async Task Of_two_who_delete_a_group_at_once_one_does()
    {
        const int Rounds = 3_000;
        using var directory = new TemporaryDirectory();
        var telemetry = new BrokerTelemetry(NullLogger.Instance);
        using var offsets = new OffsetStore(directory.Path, telemetry);
        using var groups = new GroupCoordinator(offsets, TimeProvider.System, telemetry);
        var join = new JoinRequest("", null, "client", "/127.0.0.1", 10_000, 10_000, "consumer", [new("range", [])], KnownIdRequired: true);
        var results = new ErrorCode[2][];
        using var together = new Barrier(2, barrier => groups.Join($"{barrier.CurrentPhaseNumber}", join));

        await Task.WhenAll(Enumerable.Range(0, 2).Select(worker => Task.Factory.StartNew(
            () => results[worker] = [.. Enumerable.Range(0, Rounds).Select(round =>
            {
                together.SignalAndWait(TestContext.Current.CancellationToken);
                return groups.Delete($"{round}");
            })],
            TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

        for (var round = 0; round < Rounds; round++)
            Assert.Equal([ErrorCode.None, ErrorCode.GroupIdNotFound], new[] { results[0][round], results[1][round] }.Order());
    }
}
