using System.Collections.Concurrent;
using Confluent.Kafka;
using StreamSettlement.Contracts;

namespace StreamSettlement.Cli.Chaos;

/// <summary>What a careless operator does to the topics: the same records once more, bytes that mean nothing, offsets set back.</summary>
internal sealed class ChaosTopics(string bootstrap, Topics topics, int seed, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(300);

    /// <summary>No protobuf message begins with it.</summary>
    private const byte Nonsense = 0xff;

    private readonly ConcurrentQueue<string> undecodable = new();
    private readonly IProducer<byte[]?, byte[]?> producer = new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig
    {
        BootstrapServers = bootstrap,
        ClientId = topics.WithPrefix("chaos"),
        EnableIdempotence = true,
        LingerMs = 5,
        // Whether it arrived must be known: longer than the broker is ever away.
        MessageTimeoutMs = 300_000,
    }).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();

    private long resent;

    /// <summary>Records produced once more.</summary>
    public long Resent => resent;

    /// <summary>Where bytes that nobody can decode were acknowledged: stream, partition, offset.</summary>
    public IReadOnlyCollection<string> Undecodable => undecodable;

    /// <summary>Reads some records somewhere and produces them again, key, value and partition as they are.</summary>
    /// <returns>False when the broker was away.</returns>
    public Task<bool> ResendAsync(ChaosStep step, CancellationToken token) => Task.Run(async () =>
    {
        try
        {
            using var consumer = Consumer(topics.WithPrefix("chaos-reader"));
            var random = RandomOf(step);
            var (stream, partition) = Somewhere(consumer, random);
            var at = new TopicPartition(topics.Of(stream), partition);
            var ends = consumer.QueryWatermarkOffsets(at, Patience);
            var from = ends.Low.Value + random.NextInt64(Math.Max(1, ends.High.Value - ends.Low.Value));
            consumer.Assign(new TopicPartitionOffset(at, from));
            var again = new List<Task>();
            for (var offset = from; offset < Math.Min(from + step.Size, ends.High.Value); offset++)
            {
                if (consumer.Consume(Patience) is not { } record) break;
                // Not the nonsense: each of those is a letter of its own, and where it lies was written down.
                if (record.Message.Value is not { Length: > 0 } value || value[0] == Nonsense) continue;
                again.Add(producer.ProduceAsync(at, new Message<byte[]?, byte[]?> { Key = record.Message.Key, Value = value }, token));
            }
            await Task.WhenAll(again);
            Interlocked.Add(ref resent, again.Count);
            return true;
        }
        catch (KafkaException)
        {
            return false;
        }
    }, token);

    /// <summary>Produces bytes that are no record of ours; returns when the broker has acknowledged them.</summary>
    public async Task PoisonAsync(ChaosStep step, CancellationToken token)
    {
        var (random, value) = (RandomOf(step), new byte[step.Size]);
        random.NextBytes(value);
        value[0] = Nonsense;
        var at = new TopicPartition(topics.ViewLogs, random.Next(Limits.PartitionsDefault));
        var delivered = await producer.ProduceAsync(at, new Message<byte[]?, byte[]?> { Value = value }, token);
        undecodable.Enqueue($"{SourceStream.ViewLogs.Name()} {delivered.Partition.Value} {delivered.Offset.Value}");
    }

    /// <summary>Sets the offsets of the aggregators' group back to a part of where they are; the group must be without members.</summary>
    /// <param name="percent">Of each partition, from 0.</param>
    public Task RewindAsync(int percent, CancellationToken token) => Task.Run(async () =>
    {
        while (true)
        {
            try
            {
                using var consumer = Consumer(topics.LiveGroup);
                var partitions = SourceStreams.All.SelectMany(stream =>
                    Enumerable.Range(0, Limits.PartitionsDefault).Select(partition => new TopicPartition(topics.Of(stream), partition))).ToList();
                var committed = consumer.Committed(partitions, Patience);
                consumer.Commit(committed.Where(offset => offset.Offset.Value >= 0)
                    .Select(offset => new TopicPartitionOffset(offset.TopicPartition, offset.Offset.Value * percent / 100)));
                return;
            }
            catch (KafkaException)
            {
                // The broker is away, or the session of a member that was killed is not over.
                await Task.Delay(AskAgainAfter, time, token);
            }
        }
    }, token);

    public void Dispose() => producer.Dispose();

    private (SourceStream Stream, int Partition) Somewhere(IConsumer<byte[], byte[]> consumer, Random random)
    {
        // Most partitions are empty while the topics are young.
        for (var tries = 0; ; tries++)
        {
            var (stream, partition) = (SourceStreams.All[random.Next(SourceStreams.All.Count)], random.Next(Limits.PartitionsDefault));
            if (tries == 20 || consumer.QueryWatermarkOffsets(new TopicPartition(topics.Of(stream), partition), Patience).High.Value > 0) return (stream, partition);
        }
    }

    private Random RandomOf(ChaosStep step) => new(unchecked(seed + (int)step.At.TotalMilliseconds));

    private IConsumer<byte[], byte[]> Consumer(string group) => new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig
    {
        BootstrapServers = bootstrap,
        ClientId = topics.WithPrefix("chaos"),
        GroupId = group,
        EnableAutoCommit = false,
        AutoOffsetReset = AutoOffsetReset.Earliest,
    }).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
}
