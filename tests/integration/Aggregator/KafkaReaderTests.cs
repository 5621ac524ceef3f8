using Microsoft.Extensions.Logging.Abstractions;
using StreamSettlement.Aggregator;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Hosting;

namespace StreamSettlement.IntegrationTests.Aggregator;

public sealed class KafkaReaderTests(Servers servers)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_assignment_that_comes_while_the_reader_leaves_the_group_does_not_hold_it_there()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        using var telemetry = new AggregatorTelemetry(TimeProvider.System, NullLogger<AggregatorTelemetry>.Instance);
        using var clock = new HeldClock();
        var options = new AggregatorOptions { KafkaBootstrap = log.Broker.Bootstrap, TopicPrefix = log.TopicPrefix };
        using var reader = new KafkaReader(options, options.Topics.LiveGroup, telemetry, new KafkaHealth(options, new Readiness(), telemetry, TimeProvider.System), clock);
        reader.Open();
        // The client joins on its own threads; the reader, held by its clock, has not heard of the assignment.
        await LogUnderTest.UntilAsync(() => Task.FromResult(log.GroupIsAssigned()), () => Task.FromResult("the group has no assignment"));
        Assert.False(reader.Events.TryPeek(out _));

        reader.Rejoin();
        clock.Release();

        var first = await reader.Events.ReadAsync(Token).AsTask().WaitAsync(LogUnderTest.Patience, Token);
        var assigned = Assert.IsType<Assigned>(first);
        Assert.Equal(2 * log.Partitions, assigned.Partitions.Count);
        reader.Start(assigned.Partitions.ToDictionary(partition => partition.At, _ => 0L));
        await reader.CloseAsync();
    }

    [Fact]
    public async Task A_stop_while_an_assignment_waits_for_the_loop_leaves_the_group_and_ends_nothing_else()
    {
        await using var log = await LogUnderTest.StartAsync(servers);
        using var telemetry = new AggregatorTelemetry(TimeProvider.System, NullLogger<AggregatorTelemetry>.Instance);
        var options = new AggregatorOptions { KafkaBootstrap = log.Broker.Bootstrap, TopicPrefix = log.TopicPrefix };
        using var reader = new KafkaReader(options, options.Topics.LiveGroup, telemetry, new KafkaHealth(options, new Readiness(), telemetry, TimeProvider.System), TimeProvider.System);
        reader.Open();
        Assert.IsType<Assigned>(await reader.Events.ReadAsync(Token).AsTask().WaitAsync(LogUnderTest.Patience, Token));

        // As SIGTERM while PostgreSQL is away, or a loop that can't take the partitions over: nobody says where to start.
        await reader.CloseAsync().WaitAsync(LogUnderTest.Patience, Token);

        Assert.False(log.GroupHasMembers());
        Assert.False(reader.Events.TryPeek(out _), "a stop that was asked for is no fault");
    }

    /// <summary>Whoever asks it waits until it is released.</summary>
    private sealed class HeldClock : TimeProvider, IDisposable
    {
        private readonly ManualResetEventSlim _released = new();

        public override long GetTimestamp()
        {
            _released.Wait();
            return base.GetTimestamp();
        }

        public void Release() => _released.Set();

        public void Dispose() => _released.Dispose();
    }
}
