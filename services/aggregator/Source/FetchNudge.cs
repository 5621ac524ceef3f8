using Confluent.Kafka;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator.Source;

/// <summary>
/// Has the client fetch again as soon as its queue is empty. Once that was full, librdkafka before 2.2 looks again only after a second, however
/// soon it was emptied, unless it has anything else to ask of the broker: so it is given something to ask. From 2.2 on it can be told.
/// Used by the reader's thread alone.
/// </summary>
internal sealed class FetchNudge(Topics topics, TimeProvider time)
{
    private const int CanBeTold = 0x02020000;

    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan UntoldPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AskTimeout = TimeSpan.FromSeconds(1);

    private Task _asking = Task.CompletedTask;
    private long _askedAt;
    private long _deliveredAt;
    private int _turn;

    public static void Configure(ConsumerConfig config)
    {
        if (Library.Version >= CanBeTold) config.Set("fetch.queue.backoff.ms", $"{Every.TotalMilliseconds}");
    }

    /// <summary>Records came: the queue may have been full.</summary>
    public void Delivered() => _deliveredAt = time.GetTimestamp();

    /// <summary>Nothing is queued. Of several brokers each gets its turn, by the partitions it leads.</summary>
    public void Empty(IConsumer<Slice, Slice> consumer, HashSet<LogPartition> assigned)
    {
        if (Library.Version >= CanBeTold || assigned.Count == 0 || !_asking.IsCompleted) return;
        if (time.GetElapsedTime(_askedAt) < Every || time.GetElapsedTime(_deliveredAt) > UntoldPause) return;
        _askedAt = time.GetTimestamp();
        _turn = (_turn + 1) % assigned.Count;
        var turn = assigned.ElementAt(_turn);
        var asked = new TopicPartition(topics.Of(turn.Stream), turn.Partition);
        _asking = Task.Run(() => Ask(consumer, asked));
    }

    /// <summary>Returns when nothing is asked any more: closing a consumer frees what a question still uses.</summary>
    public void Wait() => _asking.Wait();

    private static void Ask(IConsumer<Slice, Slice> consumer, TopicPartition partition)
    {
        try
        {
            consumer.QueryWatermarkOffsets(partition, AskTimeout);
        }
        catch (KafkaException)
        {
            // Only the asking mattered; what is wrong with the broker, reading will tell.
        }
    }
}
