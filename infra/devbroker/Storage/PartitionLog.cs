namespace StreamSettlement.DevBroker.Storage;

/// <summary>What became of a produced batch.</summary>
/// <param name="BaseOffset">Its first offset, also when it is a duplicate; -1 when refused.</param>
internal readonly record struct AppendResult(ErrorCode Error, long BaseOffset, string? Reason);

/// <summary>What a fetch finds at an offset.</summary>
internal readonly record struct ReadResult(ErrorCode Error, LogSlice Slice);

/// <summary>Where the records from a time on begin; both -1 when there are none.</summary>
internal readonly record struct TimePosition(long Offset, long Timestamp);

/// <summary>One partition: its segments, its idempotent producers, and the fetches that wait for more.</summary>
internal sealed class PartitionLog : IDisposable
{
    /// <summary>One node leads everything forever, so that the epoch never moves.</summary>
    public const int LeaderEpoch = 0;

    private const long ProducerIdleMaxMs = 24 * 60 * 60 * 1000;

    private readonly Lock _gate = new();

    /// <summary>Held through a round of housekeeping, which reads much without holding the gate. Taken before the gate.</summary>
    private readonly Lock _housekeeping = new();

    private readonly string _directory;
    private readonly TimeProvider _time;
    private readonly BrokerTelemetry _telemetry;
    private readonly ProducerTable _producers;
    private readonly List<FetchWaiter> _waiters = [];
    private volatile LogLimits _limits;
    private volatile bool _closed;
    private Segment[] _segments;
    private long _startOffset;
    private long _endOffset;
    private long _compactedTo = -1;

    /// <summary>When the last segment got its first record, or the log was opened: the broker's time, ms since epoch. By the
    /// producer's, records of long ago would end a segment with each round of housekeeping.</summary>
    private long _segmentSince;

    /// <summary>Opens a partition's directory, creating it where needed and recovering the last segment.</summary>
    /// <exception cref="IOException">The files can't be opened, or a segment other than the last is damaged.</exception>
    public PartitionLog(string directory, LogLimits limits, TimeProvider time, BrokerTelemetry telemetry)
    {
        _directory = directory;
        _limits = limits;
        _time = time;
        _telemetry = telemetry;
        (_segments, _producers, _startOffset, _endOffset) = LogRecovery.Open(directory, Now, telemetry);
        _segmentSince = Now;
    }

    /// <summary>Changed while the log is in use; in force from the next append or round of housekeeping on.</summary>
    public LogLimits Limits { get => _limits; set => _limits = value; }

    /// <summary>Everything below has been deleted.</summary>
    public long StartOffset => Volatile.Read(ref _startOffset);

    /// <summary>The offset that the next record gets; everything below it may be read.</summary>
    public long EndOffset => Volatile.Read(ref _endOffset);

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Checks and appends one batch, setting its base offset in place.</summary>
    public AppendResult Append(Span<byte> bytes)
    {
        var refusal = RecordBatch.Validate(bytes, _limits.BatchBytesMax, out var batch, out var reason);
        if (refusal != ErrorCode.None) return new AppendResult(refusal, -1, reason);
        if (_limits.IsCompacted && RecordSet.Read(bytes, batch)?.Records.Any(record => record.Key is null) == true)
            return new AppendResult(ErrorCode.InvalidRecord, -1, "a compacted topic takes no record without a key");
        lock (_gate) return AppendChecked(bytes, batch);
    }

    /// <summary>Finds whole batches from <paramref name="offset"/> on.</summary>
    /// <param name="firstAlways">Give the first batch even when it is larger than <paramref name="bytesMax"/>.</param>
    public ReadResult Read(long offset, int bytesMax, bool firstAlways)
    {
        if (_closed) return new ReadResult(ErrorCode.UnknownTopicOrPartition, LogSlice.Empty);
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
            if (segment.FindTime(timestamp, StartOffset) is { } found)
                return found;
        return new TimePosition(-1, -1);
    }

    /// <summary>The first record with the highest timestamp.</summary>
    public TimePosition FindMaxTime()
    {
        var highest = Volatile.Read(ref _segments).Max(segment => segment.MaxTimestampFrom(StartOffset));
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

    /// <summary>Deletes the records below an offset; -1 stands for the end of the log.</summary>
    /// <exception cref="IOException">It can't be noted; nothing is deleted.</exception>
    public ErrorCode DeleteRecords(long before)
    {
        lock (_gate)
        {
            if (_closed) return ErrorCode.UnknownTopicOrPartition;
            if (!_limits.IsDeleted) return ErrorCode.PolicyViolation;
            if (before == -1) before = _endOffset;
            if (before < 0 || before > _endOffset) return ErrorCode.OffsetOutOfRange;
            if (before <= _startOffset) return ErrorCode.None;
            DiskFile.Replace(LogRecovery.StartPath(_directory), BitConverter.GetBytes(before)).Dispose();
            Volatile.Write(ref _startOffset, before);
            DeleteSegments();
            return ErrorCode.None;
        }
    }

    /// <summary>Lets go of what is too old or too much, and compacts.</summary>
    public void Housekeep()
    {
        lock (_housekeeping)
        {
            if (_closed) return;
            lock (_gate)
            {
                var last = _segments[^1];
                var isOld = LogRetention.IsOld(last, _limits, Now)
                    || (_limits.SegmentMsMax >= 0 && _segmentSince < Now - _limits.SegmentMsMax);
                // Before a segment is begun, which a full disk refuses: this gives space back.
                DeleteSegments();
                if (last.Length > 0 && isOld)
                {
                    Roll();
                    DeleteSegments();
                }
            }
            if (_limits.IsCompacted) Compact();
        }
    }

    /// <summary>The topic is deleted: waiting and further requests are told so.</summary>
    public void Close()
    {
        lock (_housekeeping)
            lock (_gate)
            {
                _closed = true;
                WakeWaiters();
                foreach (var segment in _segments) segment.Retire(_time);
            }
    }

    public void Dispose()
    {
        lock (_housekeeping)
            lock (_gate)
            {
                _closed = true;
                foreach (var segment in _segments) segment.Dispose();
            }
    }

    private void DeleteSegments()
    {
        var count = LogRetention.Expired(_segments, _limits, _startOffset, Now);
        if (count == 0) return;
        var deleted = _segments[..count];
        Volatile.Write(ref _segments, _segments[count..]);
        Volatile.Write(ref _startOffset, Math.Max(_startOffset, _segments[0].BaseOffset));
        // The oldest first: whatever a crash leaves is the end of the log without a gap.
        foreach (var segment in deleted) segment.Delete(_time);
        _telemetry.SegmentsDeleted(_directory, count, _startOffset);
    }

    private void Compact()
    {
        var candidates = LogCompaction.Candidates(Volatile.Read(ref _segments), _limits, Now);
        if (!LogCompaction.IsDue(candidates, _limits, _compactedTo)) return;
        var drafts = LogRecovery.DraftsPath(_directory);
        if (Directory.Exists(drafts)) Directory.Delete(drafts, recursive: true);
        Directory.CreateDirectory(drafts);
        var keptOffset = Volatile.Read(ref _segments)[^1].Length == 0 ? EndOffset - 1 : -1;
        var compaction = new LogCompaction(candidates, _limits, keptOffset, Now);
        long before = 0, after = 0;
        // The oldest first: a tombstone goes after the values that it deletes.
        foreach (var segment in candidates)
        {
            var draft = compaction.Rewrite(segment, drafts);
            before += segment.Length;
            after += draft.Length;
            if (draft.Length < segment.Length) Replace(segment, draft);
            else draft.Dispose();
        }
        Directory.Delete(drafts, recursive: true);
        _compactedTo = candidates[^1].BaseOffset;
        if (after < before) _telemetry.Compacted(_directory, before, after);
    }

    private void Replace(Segment segment, Segment draft)
    {
        lock (_gate)
        {
            var at = Array.IndexOf(_segments, segment);
            // The first one stays even when it is empty: the log begins with it. One deleted meanwhile stays deleted.
            if (at > 0 && draft.Length == 0)
            {
                Volatile.Write(ref _segments, [.. _segments[..at], .. _segments[(at + 1)..]]);
                segment.Delete(_time);
            }
            else if (at >= 0)
            {
                draft.MoveTo(_directory);
                Volatile.Write(ref _segments, [.. _segments[..at], draft, .. _segments[(at + 1)..]]);
                segment.Retire(_time);
                return;
            }
        }
        draft.Dispose();
    }

    private AppendResult AppendChecked(Span<byte> bytes, RecordBatch batch)
    {
        if (_closed) return new AppendResult(ErrorCode.UnknownTopicOrPartition, -1, "the topic was deleted");
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
        if (_segments[^1].Length == 0) _segmentSince = Now;
        _segments[^1].Append(bytes, batch);
        _producers.Record(batch, Now);
        Volatile.Write(ref _endOffset, batch.LastOffset + 1);
        WakeWaiters();
        return new AppendResult(ErrorCode.None, batch.BaseOffset, null);
    }

    private void WakeWaiters()
    {
        foreach (var waiter in _waiters) waiter.Signal();
        _waiters.Clear();
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
