using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>Which node of which cluster a server is.</summary>
/// <param name="Id">From 1.</param>
/// <param name="Process">Names the process, and with the product its data directory.</param>
/// <param name="ControllerPort">Where the nodes agree on what there is.</param>
/// <param name="Voters">id@host:port of every node's controller, separated by commas.</param>
/// <param name="Replicas">Of every partition; a write is acknowledged by all but one of them, and by at least one.</param>
/// <param name="ClusterId">Null for a new one, made with the data.</param>
internal sealed record KafkaNode(int Id, string Process, int Port, int ControllerPort, string Voters, int Replicas, string? ClusterId)
{
    public string Data => ApacheKafkaServer.Data + Process[KafkaBroker.Name.Length..];
}

/// <summary>A node of Apache Kafka, broker and controller in one process, as a child process.</summary>
internal sealed class ApacheKafkaServer : KafkaBroker
{
    /// <summary>Of the data directory of a single node.</summary>
    public const string Data = "kafka";

    // A node that lives for minutes spends most of its time on what the thorough compiler does at the start: with the quick one alone
    // it is ready in 2.9 s and 2.5 s of processor time instead of 5.2 and 4.4.
    private static readonly string[] Machine = ["-Xms384m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"];

    private readonly KafkaDistribution distribution;
    private readonly int? ownedControllerPort;

    private ApacheKafkaServer(KafkaDistribution distribution, ChildCommand command, KafkaNode node, bool ownsPort, bool ownsControllerPort, StateDirectory state, TimeProvider time)
        : base(command, node.Port, ownsPort, state, time) =>
        (this.distribution, ownedControllerPort) = (distribution, ownsControllerPort ? node.ControllerPort : null);

    public override string Description => $"Apache Kafka {distribution.Version}";

    protected override TimeSpan StartPatience => TimeSpan.FromSeconds(120);

    /// <summary>Starts the only node of a cluster; an empty data directory is formatted first (a second).</summary>
    /// <param name="home">Folder of a distribution, with libs/.</param>
    /// <param name="port">To come back at the address that clients know; null for any free one.</param>
    /// <exception cref="PrerequisiteException">The folder holds no Kafka, or Java is missing, or one of them is too old.</exception>
    /// <exception cref="DevStackException">It did not start; the message says why.</exception>
    public static async Task<ApacheKafkaServer> StartSingleAsync(string home, StateDirectory state, TimeProvider time, CancellationToken token, int? port = null)
    {
        var distribution = await KafkaDistribution.OfAsync(home, token);
        var controller = LoopbackPorts.Next();
        var node = new KafkaNode(1, Name, port ?? LoopbackPorts.Next(), controller, VoterOf(1, controller), Replicas: 1, ClusterId: null);
        var command = await PrepareAsync(distribution, node, state, token);
        return await ReadyAsync(new ApacheKafkaServer(distribution, command, node, ownsPort: port is null, ownsControllerPort: true, state, time), null, token);
    }

    /// <summary>Starts a node whose ports are the cluster's; does not wait until it is ready, for which it may need the others.</summary>
    public static async Task<ApacheKafkaServer> StartNodeAsync(KafkaDistribution distribution, KafkaNode node, StateDirectory state, TimeProvider time, CancellationToken token)
    {
        var command = await PrepareAsync(distribution, node, state, token);
        return new ApacheKafkaServer(distribution, command, node, ownsPort: false, ownsControllerPort: false, state, time);
    }

    public static string VoterOf(int id, int controllerPort) => string.Create(CultureInfo.InvariantCulture, $"{id}@127.0.0.1:{controllerPort}");

    public static string NewClusterId()
    {
        // Kafka's tools take an id that begins with a dash for an option.
        string id;
        do id = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
        while (id[0] == '-');
        return id;
    }

    /// <summary>Removes what a node has stored, as the loss of its disk does; its process must have ended.</summary>
    public static void DeleteData(KafkaNode node, StateDirectory state) => Directory.Delete(state.DataDirectory(node.Data), recursive: true);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (ownedControllerPort is { } port) LoopbackPorts.Return(port);
    }

    private static async Task<ChildCommand> PrepareAsync(KafkaDistribution distribution, KafkaNode node, StateDirectory state, CancellationToken token)
    {
        var home = state.DataDirectory(node.Data);
        var (properties, logs, done) = (Path.Combine(home, "server.properties"), Path.Combine(home, "logs"), Path.Combine(home, "formatted"));
        await File.WriteAllTextAsync(properties, Properties(node, logs), token);
        string[] java = [.. Machine, await LoggingAsync(distribution, home, token), "-cp", Path.Combine(distribution.Libraries, "*")];
        if (!File.Exists(done))
        {
            // Formatting that was cut off is begun again.
            if (Directory.Exists(logs)) Directory.Delete(logs, recursive: true);
            await Shell.RunAsync([distribution.Java, .. java, "kafka.tools.StorageTool", "format", "-t", node.ClusterId ?? NewClusterId(), "-c", properties], token);
            await File.WriteAllTextAsync(done, "", token);
        }
        return new ChildCommand(node.Process, distribution.Java, [.. java, "kafka.Kafka", properties]) { WorkingDirectory = home, StopPatience = TimeSpan.FromSeconds(60) };
    }

    private static string Properties(KafkaNode node, string logs)
    {
        var (replicas, inSync) = (node.Replicas, Math.Max(1, node.Replicas - 1));
        return string.Create(CultureInfo.InvariantCulture, $"""
            process.roles=broker,controller
            node.id={node.Id}
            controller.quorum.voters={node.Voters}
            listeners=CLIENTS://127.0.0.1:{node.Port},CONTROLLER://127.0.0.1:{node.ControllerPort}
            advertised.listeners=CLIENTS://127.0.0.1:{node.Port}
            inter.broker.listener.name=CLIENTS
            controller.listener.names=CONTROLLER
            listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
            log.dirs={logs.Replace(@"\", @"\\", StringComparison.Ordinal)}
            default.replication.factor={replicas}
            min.insync.replicas={inSync}
            auto.create.topics.enable=false
            group.initial.rebalance.delay.ms=0
            offsets.topic.replication.factor={replicas}
            offsets.topic.num.partitions=4
            transaction.state.log.replication.factor={replicas}
            transaction.state.log.min.isr={inSync}
            transaction.state.log.num.partitions=4
            share.coordinator.state.topic.replication.factor={replicas}
            share.coordinator.state.topic.min.isr={inSync}

            """);
    }

    // Kafka itself logs by Log4j 2 since 4.0, before by Log4j 1. Without a configuration even the reason why it does not start is lost.
    private static async Task<string> LoggingAsync(KafkaDistribution distribution, string home, CancellationToken token)
    {
        if (distribution.Version.Major < 4)
        {
            var old = Path.Combine(home, "log4j.properties");
            await File.WriteAllTextAsync(old, """
                log4j.rootLogger=WARN, stdout
                log4j.appender.stdout=org.apache.log4j.ConsoleAppender
                log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
                log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n

                """, token);
            return $"-Dlog4j.configuration={new Uri(old).AbsoluteUri}";
        }
        var path = Path.Combine(home, "log4j2.yaml");
        await File.WriteAllTextAsync(path, """
            Configuration:
              Appenders:
                Console:
                  name: stdout
                  PatternLayout:
                    pattern: "[%d] %p %m (%c)%n"
              Loggers:
                Root:
                  level: WARN
                  AppenderRef:
                    - ref: stdout

            """, token);
        return $"-Dlog4j2.configurationFile={new Uri(path).AbsoluteUri}";
    }
}
