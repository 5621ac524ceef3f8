using Microsoft.Extensions.Hosting;

namespace StreamSettlement.Hosting;

/// <summary>
/// A loop that runs as long as the process lives. A fault of it, also a cancellation that nobody asked for, ends the process with exit code 1; a stop that
/// was asked for ends it in order.
/// </summary>
public abstract class LoopService : BackgroundService
{
    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await RunAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What was not stored is done again by the next start.
        }
        catch (Exception fatal)
        {
            Stopped(fatal);
            // The host takes a cancellation for an end in order, whoever caused it.
            throw new LoopFaultException(fatal);
        }
    }

    protected abstract Task RunAsync(CancellationToken stop);

    /// <summary>Says, under an id of the service's catalogue, why it stops.</summary>
    protected abstract void Stopped(Exception fatal);
}

/// <summary>Why a service's loop ended.</summary>
public sealed class LoopFaultException(Exception fault) : Exception(fault.Message, fault);
