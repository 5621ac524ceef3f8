using StreamSettlement.Hosting;

namespace StreamSettlement.Aggregator;

/// <summary>The loop as a service.</summary>
internal sealed partial class AggregatorService(AggregatorLoop loop, ILogger<AggregatorService> log) : LoopService
{
    protected override Task RunAsync(CancellationToken stop) => loop.RunAsync(stop);

    protected override void Stopped(Exception fatal) => Stopped(log, fatal.Message, fatal);

    [LoggerMessage(299, LogLevel.Critical, "the aggregator stops: {Reason}")]
    private static partial void Stopped(ILogger log, string reason, Exception fatal);
}
