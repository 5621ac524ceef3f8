namespace StreamSettlement.DevBroker;

/// <summary>The parts of the broker, put together over one data directory.</summary>
internal sealed class Broker : IDisposable
{
    private readonly BrokerTelemetry _telemetry;
    private readonly DataDirectory _data;
    private readonly TopicCatalogue _topics;
    private readonly OffsetStore _offsets;
    private readonly GroupCoordinator _groups;
    private readonly Listener _listener;
    private readonly Housekeeper _housekeeper;

    /// <summary>Locks and recovers the data, and binds the address.</summary>
    /// <exception cref="IOException">The data is in use by another broker, unreadable or damaged.</exception>
    /// <exception cref="System.Net.Sockets.SocketException">The address can't be bound.</exception>
    public Broker(BrokerOptions options, TimeProvider time, BrokerTelemetry telemetry)
    {
        _telemetry = telemetry;
        _data = new DataDirectory(options.DataDirectory);
        _offsets = new OffsetStore(_data.Path, telemetry);
        _topics = new TopicCatalogue(_data.Path, _offsets, time, telemetry);
        _listener = new Listener(options.Listen, options.RequestBytesMax, time, telemetry);
        _groups = new GroupCoordinator(_offsets, time, telemetry);
        var advertise = options.Advertise ?? new DnsEndPoint(Address.Address.ToString(), Address.Port);
        Apis = new Apis(
            new MetadataApi(_topics, _data.ClusterId, advertise, options.AutoCreateTopics),
            new TopicsApi(_topics), new ConfigsApi(_topics), new ProduceApi(_topics, _data, telemetry), new FetchApi(_topics, time, telemetry),
            new OffsetsApi(_topics, telemetry), new MembershipApi(_groups), new GroupOffsetsApi(_groups, _topics),
            new GroupAdminApi(_groups));
        _housekeeper = new Housekeeper(_topics, time, telemetry);
    }

    public IPEndPoint Address => _listener.Address;
    public Apis Apis { get; }

    /// <summary>Serves until <paramref name="stop"/>, then writes everything to disk.</summary>
    public async Task Run(CancellationToken stop)
    {
        _telemetry.Listening(Address.ToString());
        await _listener.Run(Apis, stop);
        _topics.Flush();
        _offsets.Flush();
        _telemetry.Stopped();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _housekeeper.Dispose();
        _groups.Dispose();
        _offsets.Dispose();
        _topics.Dispose();
        _data.Dispose();
    }
}
