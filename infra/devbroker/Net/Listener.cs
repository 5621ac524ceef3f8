namespace StreamSettlement.DevBroker.Net;

/// <summary>Accepts connections and waits for their end when the broker stops.</summary>
internal sealed class Listener : IDisposable
{
    private static readonly TimeSpan AfterRefusal = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<Task, byte> _running = new();
    private readonly Socket _socket;
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
        _socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            _socket.Bind(address);
            _socket.Listen(512);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    /// <summary>The bound address, with the real port when 0 was asked for.</summary>
    public IPEndPoint Address => (IPEndPoint)_socket.LocalEndPoint!;

    public async Task Run(Apis apis, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var client = await _socket.AcceptAsync(stop);
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

    public void Dispose() => _socket.Dispose();
}
