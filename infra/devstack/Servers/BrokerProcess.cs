using System.Globalization;
using Confluent.Kafka;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>The development broker as a child process.</summary>
internal sealed class BrokerProcess : StackPart
{
    public const string Name = "broker";

    private BrokerProcess(ChildCommand command, int port, bool ownsPort, StateDirectory state, TimeProvider time)
        : base(command, port, ownsPort, state, time)
    {
    }

    public string Bootstrap => BootstrapOf(Port);

    protected override TimeSpan StartPatience => TimeSpan.FromSeconds(60);

    /// <param name="port">To come back at the address that clients know; null for any free one.</param>
    public static Task<BrokerProcess> StartAsync(StateDirectory state, TimeProvider time, CancellationToken token, int? port = null)
    {
        var listen = port ?? LoopbackPorts.Next();
        var command = DotnetCommand.Of(Name, Repository.Program("infra/devbroker", "DevBroker"),
            ["--data", state.DataDirectory(Name), "--listen", BootstrapOf(listen)]);
        return ReadyAsync(new BrokerProcess(command, listen, ownsPort: port is null, state, time), null, token);
    }

    private static string BootstrapOf(int port) => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");

    // Asked over the protocol itself: a listening port alone could be anybody's.
    protected override async Task<string?> NotReadyAsync(CancellationToken token)
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
