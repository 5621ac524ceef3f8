using StreamSettlement.Hosting;

namespace StreamSettlement.Aggregator;

/// <summary>Runs the loop as long as the process lives; a fault of it ends the process, with exit code 1.</summary>
internal sealed partial class AggregatorService(AggregatorLoop loop, FaultFlag fault, ILogger<AggregatorService> log) : BackgroundService
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
            Stopped(log, fatal.Message, fatal);
            throw;
        }
    }

    [LoggerMessage(299, LogLevel.Critical, "the aggregator stops: {Reason}")]
    private static partial void Stopped(ILogger log, string reason, Exception fatal);
}
