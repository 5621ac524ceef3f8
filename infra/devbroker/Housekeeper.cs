namespace StreamSettlement.DevBroker;

/// <summary>Every few seconds has each partition let go of what it need not keep.</summary>
internal sealed class Housekeeper : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly TopicCatalogue _topics;
    private readonly BrokerTelemetry _telemetry;
    private readonly ITimer _timer;

    public Housekeeper(TopicCatalogue topics, TimeProvider time, BrokerTelemetry telemetry)
    {
        _topics = topics;
        _telemetry = telemetry;
        _timer = time.CreateTimer(_ => Run(), null, Interval, Timeout.InfiniteTimeSpan);
    }

    public void Dispose() => _timer.Dispose();

    private void Run()
    {
        try
        {
            foreach (var topic in _topics.All)
                for (var i = 0; i < topic.Partitions.Length; i++)
                    Run(topic, i);
        }
        finally
        {
            // Only now the next: a round that takes long is not overtaken. Once disposed this does nothing.
            _timer.Change(Interval, Timeout.InfiniteTimeSpan);
        }
    }

    private void Run(Topic topic, int partition)
    {
        try
        {
            topic.Partitions[partition].Housekeep();
        }
        catch (Exception failure)
        {
            // Of whatever kind, say a segment deleted by request while it is compacted: out of a timer it would end the process.
            _telemetry.HousekeepingFailed(topic.Name, partition, failure);
        }
    }
}
