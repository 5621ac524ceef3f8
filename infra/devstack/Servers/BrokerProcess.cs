using System.Globalization;
using Confluent.Kafka;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>The development broker as a child process.</summary>
internal sealed class BrokerProcess : IAsyncDisposable
{
    public const string Name = "broker";

    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);

    private readonly bool ownsPort;

    private BrokerProcess(ChildProcess process, int port, bool ownsPort) => (Process, Port, this.ownsPort) = (process, port, ownsPort);

    public ChildProcess Process { get; }

    public int Port { get; }

    public string Bootstrap => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    /// <param name="port">To come back at the address that clients know; null for any free one.</param>
    public static async Task<BrokerProcess> StartAsync(StateDirectory state, TimeProvider time, CancellationToken token, int? port = null)
    {
        var listen = port ?? LoopbackPorts.Next();
        var process = ChildProcess.Start(DotnetCommand.Of(Name, Repository.Program("infra/devbroker", "DevBroker"),
            ["--data", state.DataDirectory(Name), "--listen", $"127.0.0.1:{listen}"]), state, time);
        var broker = new BrokerProcess(process, listen, ownsPort: port is null);
        try
        {
            await process.WaitUntilReadyAsync(broker.NotReadyAsync, StartPatience, token);
        }
        catch
        {
            await broker.DisposeAsync();
            throw;
        }
        return broker;
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        if (ownsPort) LoopbackPorts.Return(Port);
    }

    // Asked over the protocol itself: a listening port alone could be anybody's.
    private async Task<string?> NotReadyAsync(CancellationToken token)
    {
        try
        {
            using (var probe = new System.Net.Sockets.TcpClient()) await probe.ConnectAsync("127.0.0.1", Port, token);
            using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Bootstrap }).SetLogHandler((_, _) => { }).Build();
            admin.GetMetadata(TimeSpan.FromSeconds(5));
            return null;
        }
        catch (Exception e) when (e is KafkaException or System.Net.Sockets.SocketException)
        {
            return $"{Bootstrap}: {e.Message}";
        }
    }
}
