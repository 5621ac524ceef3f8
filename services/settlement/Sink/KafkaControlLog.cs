using Confluent.Kafka;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;

namespace StreamSettlement.Settlement.Sink;

/// <summary>The control topics over Kafka. An outage delays hints and repairs; it never stops a day from being closed.</summary>
internal sealed class KafkaControlLog(ControlProducer producer, Readiness readiness, SettlementTelemetry telemetry) : IControlLog
{
    private const string Dependency = "kafka";

    public Task<bool> TrySendAsync(ControlCommand command, CancellationToken cancel) =>
        TryAsync($"command {command.Kind}", command.Day, () => producer.SendAsync(command, cancel));

    public Task<bool> TryPublishAsync(ControlEvent happened, CancellationToken cancel) =>
        TryAsync($"event {happened.Kind}", happened.Day, () => producer.PublishAsync(happened, cancel));

    private async Task<bool> TryAsync(string what, BusinessDay day, Func<Task> send)
    {
        try
        {
            await send();
            readiness.Up(Dependency);
            return true;
        }
        catch (KafkaException outage) when (Transient.Kafka(outage))
        {
            readiness.Down(Dependency, outage.Error.Reason);
            telemetry.NotSent(what, day, outage.Error.Reason);
            return false;
        }
    }
}
