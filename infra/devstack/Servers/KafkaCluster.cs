using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>
/// Several nodes of Apache Kafka, each broker and voting controller: every partition on three of them, a write acknowledged by two. The voters are
/// fixed by id, so that a node whose disk is lost comes back empty under its id and copies from the others.
/// </summary>
internal sealed class KafkaCluster : IAsyncDisposable
{
    private readonly KafkaDistribution distribution;
    private readonly StateDirectory state;
    private readonly TimeProvider time;
    private readonly KafkaNode[] nodes;
    private readonly ApacheKafkaServer?[] servers;

    private KafkaCluster(KafkaDistribution distribution, KafkaNode[] nodes, StateDirectory state, TimeProvider time)
    {
        (this.distribution, this.nodes, this.state, this.time) = (distribution, nodes, state, time);
        servers = new ApacheKafkaServer?[nodes.Length];
    }

    /// <summary>host:port of all nodes.</summary>
    public string Bootstrap => string.Join(',', nodes.Select(node => $"127.0.0.1:{node.Port}"));

    /// <summary>Ids of the nodes, from 1.</summary>
    public IEnumerable<int> Ids => nodes.Select(node => node.Id);

    /// <param name="home">Folder of a distribution, with libs/.</param>
    /// <exception cref="DevStackException">A node did not start; the message says why.</exception>
    public static async Task<KafkaCluster> StartAsync(string home, StateDirectory state, TimeProvider time, CancellationToken token, int count = 3)
    {
        var distribution = await KafkaDistribution.OfAsync(home, token);
        var ports = Enumerable.Range(1, count).Select(id => (Id: id, Broker: LoopbackPorts.Next(), Controller: LoopbackPorts.Next())).ToList();
        var (voters, id) = (string.Join(',', ports.Select(port => ApacheKafkaServer.VoterOf(port.Id, port.Controller))), ApacheKafkaServer.NewClusterId());
        var nodes = ports.Select(port => new KafkaNode(port.Id, $"{KafkaBroker.Name}-{port.Id}", port.Broker, port.Controller, voters, Math.Min(3, count), id)).ToArray();
        var cluster = new KafkaCluster(distribution, nodes, state, time);
        try
        {
            await Task.WhenAll(cluster.Ids.Select(node => cluster.LaunchAsync(node, token)));
            await Task.WhenAll(cluster.servers.Select(server => server!.WaitUntilReadyAsync(token)));
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
        return cluster;
    }

    /// <summary>The process of a node.</summary>
    public ChildProcess Process(int id) => Server(id).Process;

    /// <summary>Kills a node as a power cut would.</summary>
    public Task KillAsync(int id) => Process(id).KillAsync();

    /// <summary>Removes everything that a killed node has stored.</summary>
    public void LoseDisk(int id)
    {
        if (!Process(id).Exited.IsCompleted) throw new InvalidOperationException($"node {id} runs");
        ApacheKafkaServer.DeleteData(nodes[id - 1], state);
    }

    /// <summary>Starts a node that was killed, with what its disk holds, and waits until it takes part again.</summary>
    public async Task StartAgainAsync(int id, CancellationToken token)
    {
        await Server(id).DisposeAsync();
        await LaunchAsync(id, token);
        await Server(id).WaitUntilReadyAsync(token);
    }

    public async ValueTask DisposeAsync()
    {
        // Together: one that stops hands its partitions over, and waits for others to take them.
        await Task.WhenAll(servers.OfType<ApacheKafkaServer>().Select(server => server.DisposeAsync().AsTask()));
        foreach (var node in nodes)
        {
            LoopbackPorts.Return(node.Port);
            LoopbackPorts.Return(node.ControllerPort);
        }
    }

    private ApacheKafkaServer Server(int id) => servers[id - 1] ?? throw new InvalidOperationException($"node {id} has not been started");

    private async Task LaunchAsync(int id, CancellationToken token) =>
        servers[id - 1] = await ApacheKafkaServer.StartNodeAsync(distribution, nodes[id - 1], state, time, token);
}
