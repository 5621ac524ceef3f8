using System.Globalization;
using System.Text;
using Confluent.Kafka;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;

namespace StreamSettlement.Aggregator.Sink;

/// <summary>
/// The topics of what could not be counted: the original bytes, with why and from where in the headers; and their way back when they are redriven.
/// </summary>
internal sealed class DeadLetterTopics(AggregatorOptions options, TimeProvider time) : IDisposable
{
    // Most services never see a dead letter: no connection until the first.
    private readonly Lazy<IProducer<byte[]?, byte[]?>> _producer = new(() =>
        KafkaTopics.Knowing(new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig
        {
            BootstrapServers = options.KafkaBootstrap,
            ClientId = "aggregator",
            EnableIdempotence = true,
            Acks = Acks.All,
            LingerMs = 5,
            MessageTimeoutMs = 30_000,
        })
        .SetLogHandler((_, _) => { }) // what matters comes back as the exception of the call
        .SetErrorHandler((_, _) => { })
        .Build(), [.. SourceStreams.All.Select(SourceStreams.DeadLetterTopic)]));

    /// <summary>Returns when the broker has acknowledged all of them. After a failure some may stand there already.</summary>
    /// <exception cref="KafkaException">Not acknowledged.</exception>
    public async Task ProduceAsync(IReadOnlyList<DeadLetter> letters, CancellationToken cancel) =>
        await Task.WhenAll(letters.Select(letter => _producer.Value.ProduceAsync(letter.At.Stream.DeadLetterTopic(), Message(letter), cancel)));

    /// <summary>The original key and value, in the partition of old. Returns when the broker has acknowledged them.</summary>
    /// <exception cref="KafkaException">Not acknowledged.</exception>
    public Task ResendAsync(StoredLetter letter, CancellationToken cancel) => _producer.Value.ProduceAsync(
        new TopicPartition(letter.At.Stream.Topic(), letter.At.Partition),
        new Message<byte[]?, byte[]?> { Key = letter.Key, Value = letter.Value, Timestamp = new Timestamp(time.GetUtcNow()) }, cancel);

    public void Dispose()
    {
        if (_producer.IsValueCreated) _producer.Value.Dispose();
    }

    private Message<byte[]?, byte[]?> Message(DeadLetter letter) => new()
    {
        Key = letter.Key,
        Value = letter.Value,
        Timestamp = new Timestamp(time.GetUtcNow()),
        Headers =
        [
            Header(DeadLetterHeaders.Reason, letter.Poison.Reason.Name()),
            Header(DeadLetterHeaders.Detail, letter.Poison.Detail),
            Header(DeadLetterHeaders.Topic, letter.At.Stream.Topic()),
            Header(DeadLetterHeaders.Partition, letter.At.Partition.ToString(CultureInfo.InvariantCulture)),
            Header(DeadLetterHeaders.Offset, letter.Offset.ToString(CultureInfo.InvariantCulture)),
        ],
    };

    private static Header Header(string name, string value) => new(name, Encoding.UTF8.GetBytes(value));
}
