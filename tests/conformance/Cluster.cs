using System.Diagnostics;
using System.Globalization;
using StreamSettlement.ConformanceTests;
using StreamSettlement.ConformanceTests.Clients;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

[assembly: AssemblyFixture(typeof(Cluster))]

namespace StreamSettlement.ConformanceTests;

/// <summary>
/// What is tested, and by which clients: the development broker or, with KAFKA_HOME, Apache Kafka, started here, or whatever STREAMSETTLEMENT_BOOTSTRAP
/// names.
/// Topics and groups have names of their own, and are deleted at the end: nothing else of a cluster is touched.
/// </summary>
public sealed class Cluster : IAsyncLifetime
{
    private readonly string _run = Guid.NewGuid().ToString("n")[..8];
    private readonly List<string> _topics = [];
    private StackLock? _stackLock;
    private KafkaBroker? _broker;
    private ConfluentClient? _confluent;
    private ScriptClient? _python;
    private ScriptClient? _kafkaJs;
    private int _names;

    internal string Bootstrap { get; private set; } = "";

    internal ConfluentClient Confluent => _confluent ?? throw new InvalidOperationException("the fixture has not been initialised");

    internal KcatClient Kcat => new(Bootstrap);

    internal IKafkaClient Client(string name) => name == ClientName.Kcat ? Kcat : Admin(name);

    internal IKafkaAdmin Admin(string name) => name switch
    {
        ClientName.Confluent => Confluent,
        ClientName.Python => _python!,
        ClientName.KafkaJs => _kafkaJs!,
        _ => throw new ArgumentException($"'{name}' does not administrate", nameof(name)),
    };

    /// <summary>A name that nobody else uses.</summary>
    internal string NewName(string what) => string.Create(CultureInfo.InvariantCulture, $"conformance-{_run}-{what}-{Interlocked.Increment(ref _names)}");

    /// <summary>The name of a topic that is deleted at the end, however it is made.</summary>
    internal string NewTopicName()
    {
        var name = NewName("topic");
        lock (_topics) _topics.Add(name);
        return name;
    }

    /// <summary>Without settings of its own it keeps records however old: tests give them times long past.</summary>
    internal async Task<string> NewTopic(int partitions = 1, IReadOnlyDictionary<string, string>? settings = null)
    {
        var name = NewTopicName();
        await Confluent.CreateTopic(name, partitions, settings: settings ?? new Dictionary<string, string> { ["retention.ms"] = "-1" });
        // Kafka acknowledges a topic before the leaders of its partitions take requests, and not every client waits for them.
        for (var partition = 0; partition < partitions; partition++)
        {
            var asked = partition;
            await Eventually.Is(new OffsetRange(0, 0), () => Confluent.Offsets(name, asked));
        }
        return name;
    }

    public async ValueTask InitializeAsync()
    {
        StateDirectory? state = null;
        // Two runs of the tests at once take two slots.
        for (var slot = 0; _stackLock is null; slot++)
        {
            state = new StateDirectory(Path.Combine(Repository.Root, ".local", "conformance", slot.ToString(CultureInfo.InvariantCulture)));
            _stackLock = StackLock.TryTake(state);
        }
        Bootstrap = Environment.GetEnvironmentVariable("STREAMSETTLEMENT_BOOTSTRAP") ?? "";
        if (Bootstrap.Length == 0)
        {
            await DevStack.Processes.Leftovers.StopAsync(state!, TimeProvider.System);
            KafkaBroker.DeleteData(state!);
            _broker = await KafkaBroker.StartAsync(ServerChoice.OfEnvironment().KafkaHome, state!, TimeProvider.System, TestContext.Current.CancellationToken);
            Bootstrap = _broker.Bootstrap;
        }
        TestedServers.Write([_broker?.Description ?? RunningServers.DescribeKafka(Bootstrap)]);
        var sources = Path.Combine(Repository.Root, "tests", "conformance");
        var modules = await NodeModules.Install(Path.Combine(sources, "kafkajs"), Path.Combine(state!.Root, "kafkajs"));
        _confluent = new ConfluentClient(Bootstrap);
        // Debian's own: the package is not known to any other Python that the PATH may name first.
        _python = new ScriptClient(new ProcessStartInfo("/usr/bin/python3", [Path.Combine(sources, "python", "client.py"), Bootstrap]));
        _kafkaJs = new ScriptClient(new ProcessStartInfo("node", [Path.Combine(sources, "kafkajs", "client.js"), Bootstrap])
        {
            Environment = { ["NODE_PATH"] = modules, ["KAFKAJS_NO_PARTITIONER_WARNING"] = "1" },
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_python is not null) await _python.DisposeAsync();
        if (_kafkaJs is not null) await _kafkaJs.DisposeAsync();
        if (_confluent is not null) await DeleteTopics(_confluent);
        _confluent?.Dispose();
        if (_broker is not null) await _broker.DisposeAsync();
        _stackLock?.Dispose();
    }

    private async Task DeleteTopics(ConfluentClient client)
    {
        foreach (var topic in _topics)
        {
            try
            {
                await client.DeleteTopic(topic);
            }
            catch (RefusedException gone) when (gone.Code == Refusal.UnknownTopic)
            {
                // Its test has deleted it, or was refused to make it.
            }
        }
    }
}
