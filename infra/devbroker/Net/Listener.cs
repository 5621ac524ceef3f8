namespace StreamSettlement.DevBroker.Net;

/// <summary>Accepts connections and waits for their end when the broker stops.</summary>
internal sealed class Listener : IDisposable
{
    private const int Backlog = 512;
    private static readonly TimeSpan AfterRefusal = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<Task, byte> _running = new();
    private readonly TcpListener _listener;
    private readonly int _requestBytesMax;
    private readonly TimeProvider _time;
    private readonly BrokerTelemetry _telemetry;

    /// <summary>Binds the address; connections are accepted from <see cref="Run"/> on.</summary>
    /// <exception cref="SocketException">The address is taken or not this machine's.</exception>
    public Listener(IPEndPoint address, int requestBytesMax, TimeProvider time, BrokerTelemetry telemetry)
    {
        _requestBytesMax = requestBytesMax;
        _time = time;
        _telemetry = telemetry;
        _listener = new TcpListener(address);
        _listener.Start(Backlog);
    }

    /// <summary>The bound address, with the real port when 0 was asked for.</summary>
    public IPEndPoint Address => (IPEndPoint)_listener.LocalEndpoint;

    public async Task Run(Apis apis, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var client = await _listener.AcceptSocketAsync(stop);
                var task = new Connection(client, apis, _requestBytesMax, _telemetry).Run(stop);
                _running[task] = 0;
                _ = task.ContinueWith(
                    (ended, running) => ((ConcurrentDictionary<Task, byte>)running!).TryRemove(ended, out _), _running,
                    CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
            catch (OperationCanceledException)
            {
                // The broker stops.
            }
            catch (SocketException refused)
            {
                _telemetry.Refused("a client", refused.Message);
                // Without a file to spare the next attempt fails at once: rather wait for one than spin.
                await Task.Delay(AfterRefusal, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        await Task.WhenAll(_running.Keys);
    }

    public void Dispose() => _listener.Dispose();
}
