using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Confluent.Kafka;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;

namespace StreamSettlement.Aggregator.Source;

/// <summary>
/// Reads both data topics on a thread of its own and turns records, assignments and revocations into events in one order. An
/// assignment waits for the loop to say where to start, a revocation until the loop has let go.
/// </summary>
internal sealed class KafkaReader : IDisposable
{
    // Batches that circulate at most, 65,536 records and about 9 MB: what bounds the memory between this thread and the loop.
    private const int BatchesMax = 16;

    private static readonly TimeSpan IdleWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan AskTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly string _bootstrap;
    private readonly Topics _topics;
    private readonly string _group;
    private readonly int _sessionMs;
    private readonly AggregatorTelemetry _telemetry;
    private readonly KafkaHealth _health;
    private readonly FetchNudge _nudge;
    private readonly TimeProvider _time;
    private readonly Channel<LogEvent> _events = Channel.CreateUnbounded<LogEvent>();
    private readonly BlockingCollection<LogBatch> _free = [];
    private readonly ConcurrentDictionary<LogPartition, long> _toStore = new();
    private readonly HashSet<LogPartition> _assigned = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource<IReadOnlyDictionary<LogPartition, long>> _start = Answer<IReadOnlyDictionary<LogPartition, long>>();
    private TaskCompletionSource<bool> _release = Answer<bool>();
    private volatile bool _rejoin;
    private bool _closing;
    private ExceptionDispatchInfo? _handlerFault;
    private LogBatch? _filling;
    private int _batches;
    private long _lookedAt;

    public KafkaReader(AggregatorOptions options, string group, AggregatorTelemetry telemetry, KafkaHealth health, TimeProvider time)
    {
        (_bootstrap, _topics, _sessionMs) = (options.KafkaBootstrap, options.Topics, (int)options.SessionTimeout.TotalMilliseconds);
        (_group, _telemetry, _health, _nudge, _time) = (group, telemetry, health, new FetchNudge(_topics, time), time);
    }

    public ChannelReader<LogEvent> Events => _events.Reader;

    public void Open() => new Thread(Run) { Name = "kafka-reader", IsBackground = true }.Start();

    public void Start(IReadOnlyDictionary<LogPartition, long> offsets) => _start.TrySetResult(offsets);

    public void Release() => _release.TrySetResult(true);

    public void Return(LogBatch batch)
    {
        batch.Clear();
        _free.Add(batch);
    }

    public void Store(LogPartition at, long nextOffset) => _toStore[at] = nextOffset;

    public void Rejoin() => _rejoin = true;

    public async Task CloseAsync()
    {
        await _stop.CancelAsync();
        await _ended.Task;
    }

    public void Dispose()
    {
        _stop.Dispose();
        _free.Dispose();
    }

    private static TaskCompletionSource<T> Answer<T>() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Run()
    {
        try
        {
            while (!_stop.IsCancellationRequested)
            {
                (_rejoin, _closing) = (false, false);
                using var consumer = Build();
                consumer.Subscribe(_topics.Data);
                try
                {
                    while (!_rejoin && !_stop.IsCancellationRequested) Step(consumer);
                    StoreOffsets(consumer);
                }
                finally
                {
                    _closing = true;
                    _nudge.Wait();
                    consumer.Close();
                }
                if (_rejoin) _stop.Token.WaitHandle.WaitOne(Pause);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Asked to stop while it waited for the loop.
        }
        catch (Exception fault)
        {
            _events.Writer.TryWrite(new Broken(fault));
        }
        finally
        {
            _ended.TrySetResult();
        }
    }

    private void Step(IConsumer<Slice, Slice> consumer)
    {
        if (_time.GetElapsedTime(_lookedAt) >= LookEvery) Look(consumer);
        _filling ??= NextBatch();
        ConsumeResult<Slice, Slice>? record;
        try
        {
            record = consumer.Consume(_filling.Count == 0 ? IdleWait : Linger);
        }
        catch (ConsumeException fault) when (Transient.Kafka(fault))
        {
            _health.Down(fault.Error.Reason);
            return;
        }
        // Before the record is used: it may be one of a partition that has no start.
        _handlerFault?.Throw();
        if (record is null)
        {
            // While the loop has others to take, this one may as well be filled: fewer batches for as many records.
            if (_events.Reader.Count == 0) Flush();
            _nudge.Empty(consumer, _assigned);
        }
        else
        {
            _filling.Add(PartitionOf(record.TopicPartition), record.Offset.Value, record.Message.Key, record.Message.Value);
            if (_filling.IsFull) Flush();
        }
        if (!_toStore.IsEmpty) StoreOffsets(consumer);
    }

    private LogBatch NextBatch()
    {
        if (_free.TryTake(out var batch)) return batch;
        if (_batches == BatchesMax) return _free.Take(_stop.Token);
        _batches++;
        return new LogBatch();
    }

    /// <summary>Once a second: where the logs end, and whether a broker that was away is back.</summary>
    private void Look(IConsumer<Slice, Slice> consumer)
    {
        _lookedAt = _time.GetTimestamp();
        foreach (var at in _assigned)
        {
            var end = consumer.GetWatermarkOffsets(TopicPartitionOf(at)).High.Value;
            if (end >= 0) _telemetry.LogEnds(at, end);
        }
        if (_health.IsDown) _health.Probe();
    }

    private void Flush()
    {
        if (_filling is not { Count: > 0 } full) return;
        _filling = null;
        _nudge.Delivered();
        _events.Writer.TryWrite(new Fetched(full));
    }

    private List<TopicPartitionOffset> OnAssigned(IConsumer<Slice, Slice> consumer, List<TopicPartition> partitions)
    {
        if (partitions.Count == 0) return [];
        // It came too late: the client revokes it next, and until then the group answers no question.
        if (_closing) return Nowhere(partitions);
        Flush();
        var committed = Ask(() => consumer.Committed(partitions, AskTimeout));
        var assigned = committed.ConvertAll(partition =>
        {
            var ends = Ask(() => consumer.QueryWatermarkOffsets(partition.TopicPartition, AskTimeout));
            return new AssignedPartition(
                PartitionOf(partition.TopicPartition), partition.Offset.Value >= 0 ? partition.Offset.Value : null, ends.Low.Value, ends.High.Value);
        });
        _start = Answer<IReadOnlyDictionary<LogPartition, long>>();
        _events.Writer.TryWrite(new Assigned(assigned));
        _start.Task.Wait(_stop.Token);
        var start = _start.Task.Result;
        CommitFirst(consumer, assigned.Where(partition => partition.Committed is null)
            .Select(partition => new TopicPartitionOffset(TopicPartitionOf(partition.At), start[partition.At])).ToList());
        foreach (var partition in assigned) _assigned.Add(partition.At);
        foreach (var partition in assigned) _telemetry.LogEnds(partition.At, partition.End);
        _health.Up();
        return partitions.ConvertAll(partition => new TopicPartitionOffset(partition, start[PartitionOf(partition)]));
    }

    /// <summary>Before anything is counted the group has an offset: none, beside rollups, then means that the topic was made anew.</summary>
    private void CommitFirst(IConsumer<Slice, Slice> consumer, List<TopicPartitionOffset> offsets)
    {
        if (offsets.Count == 0) return;
        try
        {
            Ask(() =>
            {
                consumer.Commit(offsets);
                return true;
            });
        }
        catch (KafkaException moved) when (moved.Error.Code is ErrorCode.RebalanceInProgress or ErrorCode.IllegalGeneration or ErrorCode.UnknownMemberId)
        {
            // The group is being assigned once more: whoever gets the partitions then does it.
            _telemetry.ClientSays(moved.Error.Reason);
        }
    }

    private void OnRevoked(IConsumer<Slice, Slice> consumer, List<TopicPartitionOffset> partitions, bool lost)
    {
        var revoked = partitions.ConvertAll(partition => PartitionOf(partition.TopicPartition)).FindAll(_assigned.Contains);
        if (revoked.Count == 0) return;
        Flush();
        _release = Answer<bool>();
        _events.Writer.TryWrite(new Revoked(revoked, lost));
        try
        {
            _release.Task.Wait(_stop.Token);
        }
        catch (OperationCanceledException)
        {
            // Stopping: what was not committed is read again by whoever comes next.
        }
        if (!lost) StoreOffsets(consumer);
        foreach (var at in revoked) _assigned.Remove(at);
    }

    /// <summary>
    /// Keeps a handler's fault for the loop: one that reached the client would end the process on the spot, with no word of the cause
    /// (Confluent.Kafka answers it by an unassign that librdkafka refuses, and throws within the native call).
    /// </summary>
    private void Guarded(Action handler)
    {
        try
        {
            handler();
        }
        catch (Exception fault)
        {
            _handlerFault ??= ExceptionDispatchInfo.Capture(fault);
        }
    }

    /// <summary>What an assignment is answered with that has no start: the client revokes it next.</summary>
    private static List<TopicPartitionOffset> Nowhere(List<TopicPartition> partitions) =>
        partitions.ConvertAll(partition => new TopicPartitionOffset(partition, Offset.Unset));

    /// <summary>Hands the offsets of committed chunks to the client, which sends them once a second.</summary>
    private void StoreOffsets(IConsumer<Slice, Slice> consumer)
    {
        foreach (var at in _toStore.Keys)
        {
            if (_toStore.TryRemove(at, out var next) && _assigned.Contains(at)) consumer.StoreOffset(new TopicPartitionOffset(TopicPartitionOf(at), next));
        }
    }

    private T Ask<T>(Func<T> question)
    {
        while (true)
        {
            try
            {
                return question();
            }
            // Bad message: what the client makes of an answer without the partition that it had asked for.
            catch (KafkaException fault) when (Transient.Kafka(fault) || fault.Error.Code == ErrorCode.Local_BadMsg)
            {
                _health.Down(fault.Error.Reason);
                _stop.Token.WaitHandle.WaitOne(Pause);
                _stop.Token.ThrowIfCancellationRequested();
            }
        }
    }

    private IConsumer<Slice, Slice> Build()
    {
        var copy = new Copier(this);
        var config = new ConsumerConfig
        {
            BootstrapServers = _bootstrap,
            GroupId = _group,
            ClientId = _topics.WithPrefix("aggregator"),
            PartitionAssignmentStrategy = PartitionAssignmentStrategy.CooperativeSticky,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            EnableAutoCommit = true,
            AutoCommitIntervalMs = 1_000,
            EnableAutoOffsetStore = false,
            SessionTimeoutMs = _sessionMs,
            HeartbeatIntervalMs = _sessionMs / 5,
            // What the client may hold: a queued record takes several times its own bytes, and a fetch, a few ten thousand of them, comes on top.
            QueuedMinMessages = 20_000,
            QueuedMaxMessagesKbytes = 16_384,
            FetchMaxBytes = 256 << 10,
            MessageMaxBytes = 256 << 10, // must not be above; this client sends none
            MaxPartitionFetchBytes = 64 << 10,
            FetchWaitMaxMs = 100,
            ConsumeResultFields = "topic",
        };
        FetchNudge.Configure(config);
        return new ConsumerBuilder<Slice, Slice>(config)
        .SetKeyDeserializer(copy)
        .SetValueDeserializer(copy)
        .SetPartitionsAssignedHandler((consumer, partitions) =>
        {
            var starts = Nowhere(partitions);
            Guarded(() => starts = OnAssigned(consumer, partitions));
            return starts;
        })
        .SetPartitionsRevokedHandler((consumer, partitions) => Guarded(() => OnRevoked(consumer, partitions, lost: false)))
        .SetPartitionsLostHandler((consumer, partitions) => Guarded(() => OnRevoked(consumer, partitions, lost: true)))
        .SetErrorHandler((_, error) =>
        {
            if (error.IsFatal) _events.Writer.TryWrite(new Broken(new KafkaException(error)));
            else if (error.Code is ErrorCode.Local_AllBrokersDown) _health.Down(error.Reason);
        })
        .SetLogHandler((_, _) => { }) // its connection chatter; what matters comes as errors
        .Build();
    }

    private LogPartition PartitionOf(TopicPartition partition) => new(_topics.StreamOf(partition.Topic), partition.Partition.Value);

    private TopicPartition TopicPartitionOf(LogPartition at) => new(_topics.Of(at.Stream), at.Partition);

    /// <summary>Copies bytes from the client's memory into the batch being filled: no array per record.</summary>
    private sealed class Copier(KafkaReader reader) : IDeserializer<Slice>
    {
        public Slice Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context) =>
            isNull ? Slice.None : reader._filling!.Copy(data);
    }
}
