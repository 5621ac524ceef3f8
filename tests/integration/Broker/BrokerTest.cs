using Confluent.Kafka;
using Confluent.Kafka.Admin;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>A broker of its own for a test, as a real process on a free port over an empty directory.</summary>
/// <param name="development">False: for what every broker does; see <see cref="TestBroker"/>.</param>
public abstract class BrokerTest(Servers servers, bool development = true) : IAsyncLifetime
{
    private StateDirectory? _state;
    private TestBroker? _broker;

    private protected static CancellationToken Token => TestContext.Current.CancellationToken;

    private protected TestBroker Broker => _broker ?? throw new InvalidOperationException("the broker is not running");

    private protected StateDirectory State => _state ?? throw new InvalidOperationException("the test has not begun");

    public async ValueTask InitializeAsync()
    {
        _state = servers.NewStateDirectory();
        _broker = await (development ? TestBroker.StartDevelopmentAsync(_state) : TestBroker.StartAsync(servers, _state));
    }

    public async ValueTask DisposeAsync()
    {
        if (_broker is not null) await _broker.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>For a test that stops it.</summary>
    private protected async Task UseOwnBrokerAsync()
    {
        await Broker.DisposeAsync();
        _broker = await TestBroker.StartAsync(servers, State, own: true);
    }

    /// <summary>Stops or kills the broker and starts it at the same address over the same data.</summary>
    private protected Task Restart(bool kill) => Broker.RestartAsync(kill);

    private protected IAdminClient Admin() =>
        new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Broker.Bootstrap }).SetLogHandler(Quiet).Build();

    /// <summary>Without settings of its own a topic keeps records however old: tests give them times long past.</summary>
    private protected async Task CreateTopic(string name, int partitions, Dictionary<string, string>? configs = null)
    {
        using var admin = Admin();
        await admin.CreateTopicsAsync([new TopicSpecification
        {
            Name = name, NumPartitions = partitions, ReplicationFactor = 1, Configs = configs ?? new() { ["retention.ms"] = "-1" },
        }]);
    }

    private protected IProducer<string?, string> Producer(Action<ProducerConfig>? change = null)
    {
        var config = new ProducerConfig { BootstrapServers = Broker.Bootstrap, EnableIdempotence = true, LingerMs = 0 };
        change?.Invoke(config);
        return new ProducerBuilder<string?, string>(config).SetLogHandler(Quiet).Build();
    }

    private protected IConsumer<string?, string> Consumer(string group, Action<ConsumerConfig>? change = null)
    {
        var config = new ConsumerConfig
        {
            BootstrapServers = Broker.Bootstrap, GroupId = group, EnableAutoCommit = false,
            AutoOffsetReset = AutoOffsetReset.Earliest, EnablePartitionEof = true,
        };
        change?.Invoke(config);
        return new ConsumerBuilder<string?, string>(config).SetLogHandler(Quiet).Build();
    }

    /// <summary>Reads a partition from its start to its end.</summary>
    private protected List<ConsumeResult<string?, string>> ReadAll(string topic, int partition = 0)
    {
        using var consumer = Consumer("reader");
        consumer.Assign(new TopicPartitionOffset(topic, partition, Offset.Beginning));
        var read = new List<ConsumeResult<string?, string>>();
        for (; ; )
        {
            var result = consumer.Consume(Token);
            if (result.IsPartitionEOF) return read;
            read.Add(result);
        }
    }

    /// <summary>Waits for a state that is reached by progress elsewhere.</summary>
    private protected static async Task Until(Func<bool> reached)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (!reached())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(120), "not reached within 120 s");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Token);
        }
    }

    private protected static void Quiet(IClient client, LogMessage message)
    {
        // Clients complain about brokers that these tests kill on purpose.
    }
}
