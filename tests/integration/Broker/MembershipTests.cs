using System.Collections.Concurrent;
using System.Globalization;
using Confluent.Kafka;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>Consumers of one group that join, leave and die.</summary>
public sealed class MembershipTests(Servers servers) : BrokerTest(servers)
{
    private const int Partitions = 6;

    [Theory]
    [InlineData(PartitionAssignmentStrategy.Range)]
    [InlineData(PartitionAssignmentStrategy.RoundRobin)]
    [InlineData(PartitionAssignmentStrategy.CooperativeSticky)]
    public async Task Three_consumers_share_the_partitions_while_they_join_leave_and_die(PartitionAssignmentStrategy strategy)
    {
        await CreateTopic("t", Partitions);
        await using var first = Member(strategy);
        await Until(() => Owns(6, 6, first));
        await using var second = Member(strategy);
        await using var third = Member(strategy);
        await Until(() => Owns(2, 2, first, second, third));

        await second.Leave();
        await Until(() => Owns(3, 3, first, third));

        // Without a word: its session has to run out.
        await third.Die();
        await Until(() => Owns(6, 6, first));

        await using var fourth = Member(strategy);
        await Until(() => Owns(3, 3, first, fourth));
        using var producer = Producer();
        for (var i = 0; i < 60; i++)
            await producer.ProduceAsync(new TopicPartition("t", i % Partitions), new() { Value = i.ToString(CultureInfo.InvariantCulture) }, Token);
        // A heartbeat that comes late on a busy machine makes records be read again: all of them, not each once.
        await Until(() => first.Values.Concat(fourth.Values).Distinct().Count() == 60);
    }

    [Fact]
    public async Task A_consumer_that_is_killed_is_replaced_after_its_session()
    {
        await CreateTopic("t", Partitions);
        using var killed = Kcat.Start(Broker.Bootstrap, "-G g -X session.timeout.ms=1500 -X heartbeat.interval.ms=300 t");
        try
        {
            await Until(() => Members() == 1);
            await using var survivor = Member(PartitionAssignmentStrategy.Range);
            await Until(() => Owns(3, 3, survivor));

            killed.Kill();

            await Until(() => Owns(6, 6, survivor));
        }
        finally
        {
            if (!killed.HasExited) killed.Kill();
        }

        int Members()
        {
            using var admin = Admin();
            return admin.ListGroup("g", TimeSpan.FromSeconds(10)) is { State: "Stable" } group ? group.Members.Count : 0;
        }
    }

    [Fact]
    public async Task A_static_member_that_restarts_within_its_session_moves_no_partition()
    {
        await CreateTopic("t", Partitions);
        await using var other = Member(PartitionAssignmentStrategy.Range, session: 30_000);
        var restarting = Member(PartitionAssignmentStrategy.Range, "i-1", session: 30_000);
        await Until(() => Owns(3, 3, other, restarting));
        var (before, rebalances) = (restarting.Owned.Order().ToList(), other.Rebalances);
        await restarting.Die();

        await using var back = Member(PartitionAssignmentStrategy.Range, "i-1", session: 30_000);

        await Until(() => Owns(3, 3, back));
        Assert.Equal(before, back.Owned.Order());
        Assert.Equal(rebalances, other.Rebalances);
        await restarting.DisposeAsync();
    }

    [Fact]
    public async Task A_consumer_that_was_replaced_can_not_commit()
    {
        await CreateTopic("t", 1);
        using var zombie = Consumer("g", config => config.GroupInstanceId = "i-1");
        zombie.Subscribe("t");
        Assert.True(zombie.Consume(Token).IsPartitionEOF);
        await using var next = Member(PartitionAssignmentStrategy.Range, "i-1", session: 30_000);
        await Until(() => Owns(1, 1, next));

        Assert.ThrowsAny<KafkaException>(() => zombie.Commit([new TopicPartitionOffset("t", 0, 1)]));
    }

    private GroupMember Member(PartitionAssignmentStrategy strategy, string? instance = null, int session = 1_500) =>
        new(Broker.Bootstrap, strategy, instance, session);

    private static bool Owns(int least, int most, params GroupMember[] members) =>
        members.All(member => member.Owned.Count >= least && member.Owned.Count <= most)
        && members.SelectMany(member => member.Owned).Distinct().Count() == members.Sum(member => member.Owned.Count);

    /// <summary>A consumer with a thread of its own.</summary>
    private sealed class GroupMember : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly ConcurrentDictionary<int, byte> _owned = new();
        private readonly Task _running;
        private bool _leave = true;
        private int _rebalances;

        public GroupMember(string bootstrap, PartitionAssignmentStrategy strategy, string? instance, int sessionMs)
        {
            var config = new ConsumerConfig
            {
                BootstrapServers = bootstrap, GroupId = "g", GroupInstanceId = instance, PartitionAssignmentStrategy = strategy,
                SessionTimeoutMs = sessionMs, HeartbeatIntervalMs = 300, AutoOffsetReset = AutoOffsetReset.Earliest,
            };
            _running = Task.Factory.StartNew(() => Run(config), TaskCreationOptions.LongRunning);
        }

        public ICollection<int> Owned => _owned.Keys;

        public int Rebalances => Volatile.Read(ref _rebalances);

        public ConcurrentQueue<string> Values { get; } = [];

        public async Task Leave()
        {
            await _stop.CancelAsync();
            await _running;
            _owned.Clear();
        }

        /// <summary>Stops without telling the broker.</summary>
        public async Task Die()
        {
            _leave = false;
            await Leave();
        }

        public async ValueTask DisposeAsync()
        {
            await Leave();
            _stop.Dispose();
        }

        private void Run(ConsumerConfig config)
        {
            var builder = new ConsumerBuilder<string?, string>(config).SetLogHandler(Quiet);
            builder.SetPartitionsAssignedHandler((client, partitions) =>
            {
                Interlocked.Increment(ref _rebalances);
                foreach (var partition in partitions) _owned[partition.Partition.Value] = 0;
            });
            builder.SetPartitionsRevokedHandler((client, partitions) =>
            {
                foreach (var partition in partitions) _owned.TryRemove(partition.Partition.Value, out _);
            });
            using var consumer = builder.Build();
            consumer.Subscribe("t");
            while (!_stop.IsCancellationRequested)
            {
                try
                {
                    Values.Enqueue(consumer.Consume(_stop.Token).Message.Value);
                }
                catch (OperationCanceledException)
                {
                    break;
                }
            }
            if (_leave) consumer.Close();
        }
    }
}
