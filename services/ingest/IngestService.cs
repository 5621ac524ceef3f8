using StreamSettlement.Hosting;

namespace StreamSettlement.Ingest;

/// <summary>Runs the loop until the service is stopped; a fault that is nobody's outage stops the service.</summary>
internal sealed class IngestService(IngestLoop loop, FaultFlag fault) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await loop.RunAsync(stoppingToken);
        }
        catch (Exception reason) when (reason is not OperationCanceledException)
        {
            fault.Raise();
            throw;
        }
    }
}
