using Confluent.Kafka;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Aggregator.Sink;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;

namespace StreamSettlement.Aggregator.Source;

/// <summary>The log in Kafka: a reader on a thread of its own, the dead-letter topics, the control events.</summary>
internal sealed class KafkaLog(
    AggregatorOptions options, ControlProducer control, DeadLetterTopics deadLetters, AggregatorTelemetry telemetry, Outages outages,
    Readiness readiness, TimeProvider time) : ILog, IDisposable
{
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(1);

    private readonly Topics _topics = options.Topics;
    private readonly KafkaReader _reader = new(options, options.Topics.LiveGroup, telemetry, new KafkaHealth(options, readiness, telemetry, time), time);

    public async Task<IReadOnlyDictionary<SourceStream, int>> PrepareAsync(CancellationToken cancel)
    {
        var clientId = _topics.WithPrefix("aggregator");
        readiness.Expect("kafka");
        readiness.Expect("topics");
        await outages.RetryAsync("kafka", Transient.Kafka, async _ =>
            await KafkaTopics.EnsureAsync(options.KafkaBootstrap, clientId, _topics.All(Limits.PartitionsDefault).Where(topic =>
                topic.Name == _topics.ViewLogsDeadLetters || topic.Name == _topics.AdViewsDeadLetters || topic.Name == _topics.Events)), cancel);
        string? said = null;
        while (true)
        {
            var counts = await outages.RetryAsync("kafka", Transient.Kafka, _ =>
                ValueTask.FromResult(KafkaTopics.PartitionCounts(options.KafkaBootstrap, clientId, _topics.Data)), cancel);
            var missing = string.Join(", ", counts.Where(topic => topic.Value == 0).Select(topic => topic.Key));
            if (missing.Length == 0)
            {
                readiness.Up("topics");
                telemetry.Joined(_topics.LiveGroup, string.Join(", ", counts.Select(topic => $"{topic.Key} {topic.Value}")));
                return counts.ToDictionary(topic => _topics.StreamOf(topic.Key), topic => topic.Value);
            }
            readiness.Down("topics", $"{missing} not there yet: ingest creates the data topics");
            if (said != missing) telemetry.WaitingForTopics(said = missing);
            await Task.Delay(LookAgainAfter, time, cancel);
        }
    }

    public Task JoinAsync(CancellationToken cancel)
    {
        _reader.Open();
        return Task.CompletedTask;
    }

    public async ValueTask<LogEvent?> NextAsync(TimeSpan wait, CancellationToken cancel)
    {
        if (_reader.Events.TryRead(out var next)) return next;
        if (wait == TimeSpan.Zero) return null;
        if (wait == Timeout.InfiniteTimeSpan) return await _reader.Events.ReadAsync(cancel);
        using var timeout = new CancellationTokenSource(wait, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, timeout.Token);
        try
        {
            return await _reader.Events.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return null;
        }
    }

    public void Start(IReadOnlyDictionary<LogPartition, long> offsets) => _reader.Start(offsets);

    public void Release() => _reader.Release();

    public void Return(LogBatch batch) => _reader.Return(batch);

    public void Store(IEnumerable<KeyValuePair<LogPartition, long>> nextOffsets)
    {
        foreach (var (at, next) in nextOffsets) _reader.Store(at, next);
    }

    public void Rejoin() => _reader.Rejoin();

    public Task DeadLetterAsync(IReadOnlyList<DeadLetter> letters, CancellationToken cancel) => deadLetters.ProduceAsync(letters, cancel);

    public Task ResendAsync(StoredLetter letter, CancellationToken cancel) => deadLetters.ResendAsync(letter, cancel);

    public Task SendAsync(ControlCommand command, CancellationToken cancel) => control.SendAsync(command, cancel);

    public async Task AnnounceAsync(ControlEvent happened, CancellationToken cancel)
    {
        try
        {
            await control.PublishAsync(happened, cancel);
        }
        catch (KafkaException fault)
        {
            telemetry.NotAnnounced(happened.Kind, happened.Day, fault.Error.Reason);
        }
    }

    public Task CloseAsync() => _reader.CloseAsync();

    public void Dispose() => _reader.Dispose();
}
