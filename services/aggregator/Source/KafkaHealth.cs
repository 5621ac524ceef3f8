using Confluent.Kafka;
using StreamSettlement.Hosting;

namespace StreamSettlement.Aggregator.Source;

/// <summary>Whether the brokers answer, for readiness and a log line a minute; used by the reader's thread alone.</summary>
internal sealed class KafkaHealth(AggregatorOptions options, Readiness readiness, AggregatorTelemetry telemetry, TimeProvider time)
{
    private static readonly TimeSpan LogEvery = TimeSpan.FromMinutes(1);

    private long? _loggedAt;

    public bool IsDown { get; private set; }

    public void Down(string reason)
    {
        IsDown = true;
        readiness.Down("kafka", reason);
        if (_loggedAt is { } at && time.GetElapsedTime(at) < LogEvery) return;
        _loggedAt = time.GetTimestamp();
        telemetry.ClientSays(reason);
    }

    public void Up()
    {
        IsDown = false;
        readiness.Up("kafka");
    }

    /// <summary>The client does not say when it reaches the brokers again: ask them.</summary>
    public void Probe()
    {
        try
        {
            KafkaTopics.PartitionCounts(options.KafkaBootstrap, options.Topics.WithPrefix("aggregator"), options.Topics.Data);
            Up();
        }
        catch (KafkaException fault) when (Transient.Kafka(fault))
        {
            Down(fault.Error.Reason);
        }
    }
}
