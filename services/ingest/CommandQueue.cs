using System.Threading.Channels;
using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest;

/// <summary>Commands on their way to the loop. Whoever submits one awaits that it was taken over durably.</summary>
internal sealed class CommandQueue
{
    private readonly Channel<Submitted> _waiting = Channel.CreateUnbounded<Submitted>(new UnboundedChannelOptions { SingleReader = true });

    public bool IsEmpty => !_waiting.Reader.TryPeek(out _);

    /// <returns>Completes once the command's consequence survives a crash.</returns>
    /// <exception cref="CommandReturnedException">This ingest is no longer the active one: the command is for the next.</exception>
    public async Task SubmitAsync(ControlCommand command, CancellationToken cancel)
    {
        var submitted = new Submitted(command, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        await _waiting.Writer.WriteAsync(submitted, cancel);
        await submitted.Taken.Task.WaitAsync(cancel);
    }

    public bool TryTake(out Submitted submitted) => _waiting.Reader.TryRead(out submitted!);

    /// <returns>Completes when a command waits.</returns>
    public async Task WaitAsync(CancellationToken cancel) => await _waiting.Reader.WaitToReadAsync(cancel);

    /// <summary>Returns what waits to its senders, untaken.</summary>
    public void GiveBack()
    {
        while (TryTake(out var submitted)) submitted.GiveBack();
    }

    internal sealed record Submitted(ControlCommand Command, TaskCompletionSource Taken)
    {
        /// <summary>Tells the sender that nothing came of it; without effect once it was taken over.</summary>
        public void GiveBack()
        {
            // Nobody may be waiting any more: then nobody looks at the exception either.
            if (Taken.TrySetException(new CommandReturnedException())) _ = Taken.Task.Exception;
        }
    }
}

/// <summary>A command was not taken over; it is delivered again, to whoever is active then.</summary>
internal sealed class CommandReturnedException() : Exception("ingest lost the source or Kafka before it took the command over; it is delivered again");
