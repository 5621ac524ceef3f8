using StreamSettlement.Hosting;

namespace StreamSettlement.Ingest;

/// <summary>The loop as a service.</summary>
internal sealed class IngestService(IngestLoop loop, IngestTelemetry telemetry) : LoopService
{
    protected override Task RunAsync(CancellationToken stop) => loop.RunAsync(stop);

    protected override void Stopped(Exception fatal) => telemetry.Stopped(fatal.Message, fatal);
}
