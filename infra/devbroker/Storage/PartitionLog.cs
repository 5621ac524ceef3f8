using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.DevBroker.Storage;

/// <summary>What became of a produced batch.</summary>
/// <param name="BaseOffset">Its first offset, also when it is a duplicate; -1 when refused.</param>
internal readonly record struct AppendResult(ErrorCode Error, long BaseOffset, string? Reason);

/// <summary>What a fetch finds at an offset.</summary>
internal readonly record struct ReadResult(ErrorCode Error, LogSlice Slice);

/// <summary>Where the records from a time on begin; both -1 when there are none.</summary>
internal readonly record struct TimePosition(long Offset, long Timestamp);

/// <summary>Limits of one topic's logs, in bytes.</summary>
internal readonly record struct LogLimits(long SegmentBytesMax, int BatchBytesMax);

/// <summary>One partition: its segments, its idempotent producers, and the fetches that wait for more.</summary>
internal sealed class PartitionLog : IDisposable
{
    /// <summary>One node leads everything forever, so that the epoch never moves.</summary>
    public const int LeaderEpoch = 0;

    private const long ProducerIdleMaxMs = 24 * 60 * 60 * 1000;

    private readonly Lock _gate = new();
    private readonly string _directory;
    private readonly LogLimits _limits;
    private readonly TimeProvider _time;
    private readonly ProducerTable _producers;
    private readonly List<FetchWaiter> _waiters = [];
    private Segment[] _segments;
    private long _endOffset;

    /// <summary>Opens a partition's directory, creating it where needed and recovering the last segment.</summary>
    /// <exception cref="IOException">The files can't be opened, or a segment other than the last is damaged.</exception>
    public PartitionLog(string directory, LogLimits limits, TimeProvider time, BrokerTelemetry telemetry)
    {
        _directory = directory;
        _limits = limits;
        _time = time;
        (_segments, _producers, _endOffset) = LogRecovery.Open(directory, Now, telemetry);
    }

    public long StartOffset => _segments[0].BaseOffset;

    /// <summary>The offset that the next record gets; everything below it may be read.</summary>
    public long EndOffset => Volatile.Read(ref _endOffset);

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Checks and appends one batch, setting its base offset in place.</summary>
    public AppendResult Append(Span<byte> bytes)
    {
        var refusal = RecordBatch.Validate(bytes, _limits.BatchBytesMax, out var batch, out var reason);
        if (refusal != ErrorCode.None) return new AppendResult(refusal, -1, reason);
        AppendResult result;
        lock (_gate) result = AppendChecked(bytes, batch);
        return result;
    }

    /// <summary>Finds whole batches from <paramref name="offset"/> on.</summary>
    /// <param name="firstAlways">Give the first batch even when it is larger than <paramref name="bytesMax"/>.</param>
    public ReadResult Read(long offset, int bytesMax, bool firstAlways)
    {
        var end = EndOffset;
        if (offset < StartOffset || offset > end) return new ReadResult(ErrorCode.OffsetOutOfRange, LogSlice.Empty);
        if (offset == end) return new ReadResult(ErrorCode.None, LogSlice.Empty);
        var segments = Volatile.Read(ref _segments);
        for (var i = IndexOf(segments, offset); i < segments.Length; i++)
        {
            var (position, size) = segments[i].Locate(offset);
            if (position < 0) continue;
            return size > bytesMax && !firstAlways
                ? new ReadResult(ErrorCode.None, LogSlice.Empty)
                : new ReadResult(ErrorCode.None, segments[i].Slice(position, size, bytesMax));
        }
        return new ReadResult(ErrorCode.None, LogSlice.Empty);
    }

    /// <summary>The first record at or after a time, ms since epoch.</summary>
    public TimePosition FindTime(long timestamp)
    {
        foreach (var segment in Volatile.Read(ref _segments))
            if (segment.LocateTime(timestamp) is (var position, var batch))
                return RecordTimes.FirstAtOrAfter(segment, position, batch, timestamp);
        return new TimePosition(-1, -1);
    }

    /// <summary>The first record with the highest timestamp.</summary>
    public TimePosition FindMaxTime()
    {
        var highest = Volatile.Read(ref _segments).Max(segment => segment.MaxTimestamp);
        return highest < 0 ? new TimePosition(-1, -1) : FindTime(highest);
    }

    /// <summary>Has the next append complete <paramref name="waiter"/>.</summary>
    public void AddWaiter(FetchWaiter waiter)
    {
        lock (_gate) _waiters.Add(waiter);
    }

    public void RemoveWaiter(FetchWaiter waiter)
    {
        lock (_gate) _waiters.Remove(waiter);
    }

    /// <summary>Writes everything to disk.</summary>
    public void Flush()
    {
        lock (_gate) _segments[^1].Flush();
    }

    public void Dispose()
    {
        lock (_gate)
            foreach (var segment in _segments)
                segment.Dispose();
    }

    private AppendResult AppendChecked(Span<byte> bytes, RecordBatch batch)
    {
        if (batch.HasProducer)
            switch (_producers.Check(batch, out var originalOffset))
            {
                case SequenceVerdict.Duplicate:
                    return new AppendResult(ErrorCode.None, originalOffset, null);
                case SequenceVerdict.OutOfOrder:
                    return new AppendResult(ErrorCode.OutOfOrderSequenceNumber, -1,
                        $"producer {batch.ProducerId} left a gap before sequence {batch.BaseSequence}");
                case SequenceVerdict.OldEpoch:
                    return new AppendResult(ErrorCode.InvalidProducerEpoch, -1,
                        $"producer {batch.ProducerId} has a newer epoch than {batch.ProducerEpoch}");
            }
        batch = batch with { BaseOffset = _endOffset };
        RecordBatch.Place(bytes, _endOffset);
        if (_segments[^1].Length > 0 && _segments[^1].Length + bytes.Length > _limits.SegmentBytesMax) Roll();
        _segments[^1].Append(bytes, batch);
        _producers.Record(batch, Now);
        Volatile.Write(ref _endOffset, batch.LastOffset + 1);
        foreach (var waiter in _waiters) waiter.Signal();
        _waiters.Clear();
        return new AppendResult(ErrorCode.None, batch.BaseOffset, null);
    }

    /// <summary>Seals the last segment, then starts the next: a crash in between leaves the sealed one as the last.</summary>
    private void Roll()
    {
        _segments[^1].Seal();
        _producers.Expire(Now - ProducerIdleMaxMs);
        _producers.Save(LogRecovery.ProducersPath(_directory, _endOffset));
        Volatile.Write(ref _segments, [.. _segments, new Segment(_directory, _endOffset)]);
    }

    /// <returns>The index of the segment whose range holds the offset.</returns>
    private static int IndexOf(Segment[] segments, long offset)
    {
        int low = 0, high = segments.Length - 1;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (segments[middle].BaseOffset <= offset) low = middle;
            else high = middle - 1;
        }
        return low;
    }
}
