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
    private readonly Topics _topics = options.Topics;

    // Most services never see a dead letter: no connection until the first.
    private readonly Lazy<IProducer<byte[]?, byte[]?>> _producer = new(() =>
        KafkaTopics.Knowing(new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig
        {
            BootstrapServers = options.KafkaBootstrap,
            ClientId = options.Topics.WithPrefix("aggregator"),
            EnableIdempotence = true,
            Acks = Acks.All,
            LingerMs = 5,
            MessageTimeoutMs = 30_000,
        })
        .SetLogHandler((_, _) => { }) // what matters comes back as the exception of the call
        .SetErrorHandler((_, _) => { })
        .Build(), [.. SourceStreams.All.Select(options.Topics.DeadLettersOf)]));

    /// <summary>
    /// Returns when the broker has acknowledged all of them. After a failure some may stand there already. Bytes that are too many for a topic with
    /// the headers added are left out: <c>rollup.dead_letter</c> has them.
    /// </summary>
    /// <exception cref="KafkaException">Not acknowledged.</exception>
    public async Task ProduceAsync(IReadOnlyList<DeadLetter> letters, CancellationToken cancel) =>
        await Task.WhenAll(letters.Select(letter => ProduceAsync(letter, cancel)));

    /// <summary>The original key and value, in the partition of old. Returns when the broker has acknowledged them.</summary>
    /// <exception cref="KafkaException">Not acknowledged.</exception>
    public Task ResendAsync(StoredLetter letter, CancellationToken cancel) => _producer.Value.ProduceAsync(
        new TopicPartition(_topics.Of(letter.At.Stream), letter.At.Partition),
        new Message<byte[]?, byte[]?> { Key = letter.Key, Value = letter.Value, Timestamp = new Timestamp(time.GetUtcNow()) }, cancel);

    public void Dispose()
    {
        if (_producer.IsValueCreated) _producer.Value.Dispose();
    }

    private async Task ProduceAsync(DeadLetter letter, CancellationToken cancel)
    {
        var topic = _topics.DeadLettersOf(letter.At.Stream);
        try
        {
            await _producer.Value.ProduceAsync(topic, Message(letter, letter.Poison.Detail), cancel);
        }
        catch (KafkaException tooLarge) when (tooLarge.Error.Code == ErrorCode.MsgSizeTooLarge)
        {
            var without = letter with { Key = null, Value = null };
            var detail = $"{letter.Poison.Detail}; its {letter.Key?.Length ?? 0} + {letter.Value?.Length ?? 0} bytes are too many for this topic, rollup.dead_letter has them";
            await _producer.Value.ProduceAsync(topic, Message(without, detail), cancel);
        }
    }

    private Message<byte[]?, byte[]?> Message(DeadLetter letter, string detail) => new()
    {
        Key = letter.Key,
        Value = letter.Value,
        Timestamp = new Timestamp(time.GetUtcNow()),
        Headers =
        [
            Header(DeadLetterHeaders.Reason, letter.Poison.Reason.Name()),
            Header(DeadLetterHeaders.Detail, detail),
            Header(DeadLetterHeaders.Topic, _topics.Of(letter.At.Stream)),
            Header(DeadLetterHeaders.Partition, letter.At.Partition.ToString(CultureInfo.InvariantCulture)),
            Header(DeadLetterHeaders.Offset, letter.Offset.ToString(CultureInfo.InvariantCulture)),
        ],
    };

    private static Header Header(string name, string value) => new(name, Encoding.UTF8.GetBytes(value));
}
