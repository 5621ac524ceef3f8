using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>The development broker as a child process.</summary>
internal sealed class DevBrokerServer : KafkaBroker
{
    public const string ProductName = "development broker";

    /// <summary>Of the data directory.</summary>
    public const string Data = "broker";

    private DevBrokerServer(string program, int port, bool ownsPort, StateDirectory state, TimeProvider time)
        : base(CommandOf(program, port, state), port, ownsPort, state, time)
    {
    }

    public override string Description => ProductName;

    protected override TimeSpan StartPatience => TimeSpan.FromSeconds(60);

    /// <summary>Where it keeps topics and groups.</summary>
    public static string DataDirectory(StateDirectory state) => state.DataDirectory(Data);

    /// <param name="port">To come back at the address that clients know; null for any free one.</param>
    public static Task<DevBrokerServer> StartAsync(StateDirectory state, TimeProvider time, CancellationToken token, int? port = null)
    {
        var program = Repository.Program("infra/devbroker", "DevBroker");
        return ReadyAsync(new DevBrokerServer(program, port ?? LoopbackPorts.Next(), ownsPort: port is null, state, time), null, token);
    }

    private static ChildCommand CommandOf(string program, int port, StateDirectory state) =>
        DotnetCommand.Of(Name, program, ["--data", DataDirectory(state), "--listen", AddressOf(port)]);
}
