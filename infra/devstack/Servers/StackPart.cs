using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>A server or service: one address and one set of data, whichever process serves them at the moment.</summary>
internal abstract class StackPart : IAsyncDisposable
{
    private readonly ChildCommand command;
    private readonly StateDirectory state;
    private readonly TimeProvider time;
    private readonly bool ownsPort;

    /// <param name="ownsPort">Whether the port was chosen for this part, to be given back with it.</param>
    protected StackPart(ChildCommand command, int port, bool ownsPort, StateDirectory state, TimeProvider time)
    {
        (this.command, Port, this.ownsPort, this.state, this.time) = (command, port, ownsPort, state, time);
        Process = ChildProcess.Start(command, state, time);
    }

    public int Port { get; }

    /// <summary>The newest one.</summary>
    public ChildProcess Process { get; private set; }

    protected abstract TimeSpan StartPatience { get; }

    /// <summary>Stops the process if it still runs, and starts another at the same address with the same data; does not wait until it is ready.</summary>
    public async Task StartAgainAsync()
    {
        await Process.DisposeAsync();
        Process = ChildProcess.Start(command, state, time);
    }

    /// <exception cref="DevStackException">The process ended, or was not ready in time; the message says why.</exception>
    public Task WaitUntilReadyAsync(CancellationToken token) => Process.WaitUntilReadyAsync(NotReadyAsync, StartPatience, token);

    public virtual async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        if (ownsPort) LoopbackPorts.Return(Port);
    }

    /// <returns>Null when ready, otherwise why not.</returns>
    protected abstract Task<string?> NotReadyAsync(CancellationToken token);

    /// <summary>Waits until a part is ready that has just been constructed, and stops it when it is not.</summary>
    protected static async Task<T> ReadyAsync<T>(T part, Func<T, CancellationToken, Task>? then, CancellationToken token)
        where T : StackPart
    {
        try
        {
            await part.WaitUntilReadyAsync(token);
            if (then is not null) await then(part, token);
            return part;
        }
        catch
        {
            await part.DisposeAsync();
            throw;
        }
    }
}
