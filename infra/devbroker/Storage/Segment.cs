namespace StreamSettlement.DevBroker.Storage;

/// <summary>An extent of a segment file: whole record batches, to be sent as they are.</summary>
internal readonly record struct LogSlice(SafeFileHandle? File, long Position, int Length)
{
    public static LogSlice Empty => default;
}

/// <summary>
/// One file of a partition's log with its offset and time index. One writer, under the partition's lock; any number of
/// readers, who see whole batches only, since <see cref="Length"/> moves after the bytes are written.
/// </summary>
internal sealed class Segment : IDisposable
{
    /// <summary>Bytes of log per index entry.</summary>
    private const int IndexIntervalBytes = 4096;

    private const int RecoveryBufferBytes = 1 << 20;

    private static readonly string[] Extensions = ["log", "index", "timeindex"];
    private static readonly TimeSpan RetiredFor = TimeSpan.FromSeconds(10);

    private readonly SafeFileHandle _log;
    private readonly SparseIndex _offsets;
    private readonly SparseIndex _times;
    private long _length;
    private string _directory;
    private ITimer? _retiring;
    private long _indexedTo;
    private long _maxTimestamp = -1;

    public Segment(string directory, long baseOffset)
    {
        _directory = directory;
        BaseOffset = baseOffset;
        try
        {
            _offsets = new SparseIndex(PathOf(directory, baseOffset, "index"));
            _times = new SparseIndex(PathOf(directory, baseOffset, "timeindex"));
            // The last, for it is what a start looks for: left behind alone, it would hide what the segment before goes on to take.
            _log = File.OpenHandle(LogPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        }
        catch
        {
            _offsets?.Dispose();
            _times?.Dispose();
            throw;
        }
    }

    public long BaseOffset { get; }
    public string LogPath => PathOf(_directory, BaseOffset, "log");

    /// <summary>Bytes of whole batches.</summary>
    public long Length => Volatile.Read(ref _length);

    /// <summary>Highest timestamp of its records, ms since epoch; -1 when none has one.</summary>
    public long MaxTimestamp => Volatile.Read(ref _maxTimestamp);

    /// <summary>Twenty digits, so that names sort as offsets do.</summary>
    public static string PathOf(string directory, long baseOffset, string extension) =>
        Path.Combine(directory, $"{baseOffset:D20}.{extension}");

    public void Append(ReadOnlySpan<byte> bytes, in RecordBatch batch)
    {
        try
        {
            DiskFile.Write(_log, bytes, _length);
            Index(batch, _length);
        }
        catch
        {
            // On a full disk the half of a refused batch would take the space that is needed to free some.
            CutTail();
            throw;
        }
        Volatile.Write(ref _length, _length + bytes.Length);
    }

    /// <summary>The first batch that holds <paramref name="offset"/> or a later one.</summary>
    /// <returns>Position and size; (-1, 0) when the segment ends before.</returns>
    public (long Position, int Size) Locate(long offset)
    {
        foreach (var (position, batch) in Scan(_offsets.PositionBelowKey(offset + 1)))
            if (batch.LastOffset >= offset)
                return (position, batch.Size);
        return (-1, 0);
    }

    /// <summary>The first record at or after a time, ms since epoch, and an offset; null when there is none.</summary>
    /// <returns>For a batch that can't be looked into its beginning: reading from there misses nothing.</returns>
    public TimePosition? FindTime(long timestamp, long from)
    {
        if (MaxTimestamp < timestamp) return null;
        foreach (var (position, batch) in Scan(_times.PositionBelowKey(timestamp)))
        {
            if (batch.MaxTimestamp < timestamp || batch.LastOffset < from) continue;
            if (RecordSet.Read(ReadBatch(position, batch), batch) is not { } set)
                return new TimePosition(Math.Max(batch.BaseOffset, from), batch.BaseTimestamp);
            foreach (var record in set.Records)
                if (record.Timestamp >= timestamp && record.Offset >= from)
                    return new TimePosition(record.Offset, record.Timestamp);
        }
        return null;
    }

    public IEnumerable<(long Position, RecordBatch Batch, byte[] Bytes)> Batches() =>
        Scan(0).Select(found => (found.Position, found.Batch, ReadBatch(found.Position, found.Batch)));

    /// <summary>The same of the records at or above an offset.</summary>
    public long MaxTimestampFrom(long offset) => offset <= BaseOffset ? MaxTimestamp
        : Scan(_offsets.PositionBelowKey(offset + 1)).Where(found => found.Batch.LastOffset >= offset)
            .Select(found => MaxTimestampIn(found.Position, found.Batch, offset)).DefaultIfEmpty(-1).Max();

    /// <summary>Whole batches from <paramref name="position"/> on, about <paramref name="bytesMax"/> of them.</summary>
    /// <param name="firstSize">Size of the first batch, which is given even when it is larger than the limit.</param>
    public LogSlice Slice(long position, int firstSize, int bytesMax)
    {
        var end = Math.Min(Length, position + Math.Max(0, bytesMax));
        // Indexed positions are batch starts: ending at one sends no half batch that the client would throw away.
        if (end < Length) end = _offsets.PositionAtOrBelow(end);
        end = Math.Max(end, position + firstSize);
        return new LogSlice(_log, position, checked((int)(end - position)));
    }

    /// <summary>Ends the segment: nothing is appended any more, its files are on disk.</summary>
    public void Seal()
    {
        CutTail();
        // The last entry of the time index vouches for the whole file at the next start.
        _times.Append(_maxTimestamp, _length);
        Flush();
    }

    /// <summary>Lets go of what is no whole batch.</summary>
    public void CutTail()
    {
        if (RandomAccess.GetLength(_log) > _length) RandomAccess.SetLength(_log, _length);
    }

    public void Flush()
    {
        RandomAccess.FlushToDisk(_log);
        _offsets.Flush();
        _times.Flush();
    }

    /// <summary>Takes a sealed segment as it is.</summary>
    /// <returns>False when its time index does not vouch for the file's length: it must be recovered by reading.</returns>
    public bool OpenSealed()
    {
        var (maxTimestamp, length) = _times.Last;
        if (length != RandomAccess.GetLength(_log)) return false;
        _maxTimestamp = maxTimestamp;
        _length = length;
        return true;
    }

    /// <summary>Reads the file from its start, takes every whole batch, rebuilds the indexes; the file stays as it is.</summary>
    /// <param name="seen">Called with each batch taken, in order.</param>
    /// <returns>Bytes after the last of them.</returns>
    public long Recover(Action<RecordBatch> seen)
    {
        _offsets.Clear();
        _times.Clear();
        _length = _indexedTo = 0;
        _maxTimestamp = -1;
        using var file = new FileStream(LogPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, RecoveryBufferBytes);
        byte[] buffer = new byte[RecordBatch.HeaderBytes];
        for (var next = BaseOffset; RecordBatch.TryRead(file, ref buffer, out var batch) && batch.BaseOffset >= next && batch.LastOffsetDelta >= 0;
            next = batch.LastOffset + 1)
        {
            Index(batch, _length);
            _length += batch.Size;
            seen(batch);
        }
        return file.Length - _length;
    }

    /// <summary>
    /// Takes the place of the segment of the same base offset in another directory. Without its time index nothing
    /// vouches for a segment: a start after a crash at any point in here reads through what it finds, the old or the new.
    /// </summary>
    public void MoveTo(string directory)
    {
        File.Delete(PathOf(directory, BaseOffset, "timeindex"));
        foreach (var extension in Extensions)
            File.Move(PathOf(_directory, BaseOffset, extension), PathOf(directory, BaseOffset, extension), overwrite: true);
        _directory = directory;
    }

    public void Delete(TimeProvider time)
    {
        foreach (var extension in (string[])[.. Extensions, "producers.json"]) File.Delete(PathOf(_directory, BaseOffset, extension));
        Retire(time);
    }

    /// <summary>Closes the files, deleted or replaced, once those who are still sending from them have had their time.</summary>
    public void Retire(TimeProvider time) => _retiring = time.CreateTimer(_ => Dispose(), null, RetiredFor, Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        _retiring?.Dispose();
        _log.Dispose();
        _offsets.Dispose();
        _times.Dispose();
    }

    private void Index(in RecordBatch batch, long position)
    {
        if (position - _indexedTo >= IndexIntervalBytes)
        {
            _offsets.Append(batch.BaseOffset, position);
            // All records before this position are at or below the key.
            _times.Append(_maxTimestamp, position);
            _indexedTo = position;
        }
        if (batch.MaxTimestamp > _maxTimestamp) Volatile.Write(ref _maxTimestamp, batch.MaxTimestamp);
    }

    private IEnumerable<(long Position, RecordBatch Batch)> Scan(long position)
    {
        var header = new byte[RecordBatch.HeaderBytes];
        while (position < Length)
        {
            Read(position, header);
            var batch = RecordBatch.Parse(header);
            yield return (position, batch);
            position += batch.Size;
        }
    }

    private long MaxTimestampIn(long position, in RecordBatch batch, long from) =>
        batch.BaseOffset < from && RecordSet.Read(ReadBatch(position, batch), batch) is { } set
            ? set.Records.Where(record => record.Offset >= from).Select(record => record.Timestamp).DefaultIfEmpty(-1).Max()
            : batch.MaxTimestamp;

    private byte[] ReadBatch(long position, in RecordBatch batch)
    {
        var bytes = new byte[batch.Size];
        Read(position, bytes);
        return bytes;
    }

    private void Read(long position, Span<byte> destination)
    {
        if (RandomAccess.Read(_log, destination, position) != destination.Length)
            throw new IOException($"{LogPath} ends before {position + destination.Length}");
    }
}
