using System.Text;
using Confluent.Kafka;
using Google.Protobuf;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using StreamSettlement.Hosting;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.Ingest.Sink;

/// <summary>The log in Kafka.</summary>
internal sealed class KafkaLog(
    IngestOptions options, ControlProducer events, IngestTelemetry telemetry) : ILog, IDisposable
{
    private readonly Topics _topics = options.Topics;
    private BatchProducer? _producer;
    private IReadOnlyDictionary<string, int> _partitions = new Dictionary<string, int>();

    private BatchProducer Producer => _producer ?? throw new InvalidOperationException("the log is not open");

    public async Task<CursorRecords> OpenAsync(CancellationToken cancel)
    {
        try
        {
            return await Task.Factory.StartNew(Open, cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
        }
        catch (KafkaException unreachable) when (Transient.Kafka(unreachable))
        {
            throw new LogUnavailableException(unreachable.Error.Reason, unreachable);
        }
    }

    public ValueTask<Task> PublishAsync(SourceStream stream, Page page, int sourceEpoch, CancellationToken cancel)
    {
        using (page) return ValueTask.FromResult(Producer.Publish(stream, page.Rows, sourceEpoch));
    }

    public async Task PublishMarkerAsync(SourceStream stream, DayMarker marker, CancellationToken cancel)
    {
        var value = new SourceRecord { DayMarker = marker }.ToByteArray();
        var acknowledged = Enumerable.Range(0, _partitions[_topics.Of(stream)])
            .Select(partition => Producer.Publish(_topics.Of(stream), partition, null, value));
        await Task.WhenAll(acknowledged).WaitAsync(cancel);
    }

    public async Task SaveAsync<T>(string key, T record, CancellationToken cancel) =>
        await Producer.Publish(_topics.IngestCursors, null, Encoding.UTF8.GetBytes(key), ControlJson.Serialize(record)).WaitAsync(cancel);

    public async Task AnnounceAsync(ControlEvent happened, CancellationToken cancel)
    {
        try
        {
            await events.PublishAsync(happened, cancel);
        }
        catch (KafkaException fault)
        {
            telemetry.NotAnnounced(happened.Kind, happened.Day, fault.Error.Reason);
        }
    }

    public void Close()
    {
        _producer?.Dispose();
        _producer = null;
    }

    public void Dispose() => Close();

    private async Task<CursorRecords> Open()
    {
        string[] own = [.. _topics.Data, _topics.IngestCursors];
        var clientId = _topics.WithPrefix("ingest");
        await KafkaTopics.EnsureAsync(options.KafkaBootstrap, clientId, _topics.All(options.Partitions).Where(topic => own.Contains(topic.Name)));
        _partitions = KafkaTopics.PartitionCounts(options.KafkaBootstrap, clientId, own);
        foreach (var topic in own)
        {
            // A topic that was created a moment ago may not be announced yet.
            if (_partitions[topic] == 0) throw new KafkaException(new Error(ErrorCode.Local_UnknownTopic, $"topic {topic} is not there yet"));
            if (topic != _topics.IngestCursors && _partitions[topic] != options.Partitions)
                telemetry.OtherPartitionCount(topic, _partitions[topic], options.Partitions);
        }
        var stored = CursorTopic.Read(options.KafkaBootstrap, _topics);
        _producer = new BatchProducer(options.KafkaBootstrap, _topics);
        return stored;
    }
}
