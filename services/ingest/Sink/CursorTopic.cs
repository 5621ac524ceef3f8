using Confluent.Kafka;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.Ingest.Sink;

/// <summary>Reads <c>ingest-cursors.v1</c> from its beginning to its end.</summary>
internal static class CursorTopic
{
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(10);

    /// <exception cref="KafkaException">The broker can't be reached or stopped answering.</exception>
    public static CursorRecords Read(string bootstrap, Topics topics)
    {
        var partition = new TopicPartition(topics.IngestCursors, 0);
        using var consumer = KafkaTopics.Knowing(new ConsumerBuilder<string, byte[]?>(new ConsumerConfig
        {
            BootstrapServers = bootstrap,
            // Required by the client; nothing is committed, the topic is always read whole.
            GroupId = topics.WithPrefix("stream-settlement-ingest"),
            ClientId = topics.WithPrefix("ingest"),
            EnableAutoCommit = false,
            EnablePartitionEof = true,
            // The end is known from a fetch that brings nothing: the broker need not wait half a second for what may still come.
            FetchWaitMaxMs = 10,
        })
        .SetLogHandler((_, _) => { }) // what matters comes back as the exception of the call
        .SetErrorHandler((_, _) => { })
        .Build(), topics.IngestCursors);
        consumer.Assign(new TopicPartitionOffset(partition, Offset.Beginning));
        var records = new CursorRecords();
        while (true)
        {
            var record = consumer.Consume(AnswerTimeout)
                ?? throw new KafkaException(new Error(ErrorCode.Local_TimedOut, $"{topics.IngestCursors} was not read to its end within {AnswerTimeout.TotalSeconds} s of silence"));
            if (record.IsPartitionEOF) return records;
            if (record.Message.Key is { } key) records.Add(key, record.Message.Value);
        }
    }
}
