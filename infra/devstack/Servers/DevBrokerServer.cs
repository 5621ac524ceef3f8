using System.Reflection;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>The development broker as a child process.</summary>
internal sealed class DevBrokerServer : KafkaBroker
{
    /// <summary>Of the data directory.</summary>
    public const string Data = "broker";

    private readonly string program;

    private DevBrokerServer(string program, int port, bool ownsPort, StateDirectory state, TimeProvider time)
        : base(CommandOf(program, port, state), port, ownsPort, state, time) => this.program = program;

    public override string Product => "development broker";

    public override string Version => AssemblyName.GetAssemblyName(program).Version?.ToString(3) ?? "—";

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
