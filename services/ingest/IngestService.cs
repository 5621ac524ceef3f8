using StreamSettlement.Hosting;

namespace StreamSettlement.Ingest;

/// <summary>Runs the loop as long as the process lives; a fault that is nobody's outage ends the process, with exit code 1.</summary>
internal sealed class IngestService(IngestLoop loop, FaultFlag fault, IngestTelemetry telemetry) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await loop.RunAsync(stoppingToken);
        }
        catch (Exception fatal) when (fatal is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
        {
            fault.Raise();
            telemetry.Stopped(fatal.Message, fatal);
            throw;
        }
    }
}
