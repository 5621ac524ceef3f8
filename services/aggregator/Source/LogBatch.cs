using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator.Source;

/// <summary>
/// Records of several partitions, their bytes in one buffer that is used again: no garbage per record. The buffers live on the
/// pinned heap: among the large objects they would have the collector wait for four times their size of garbage.
/// </summary>
internal sealed class LogBatch
{
    public const int RecordsMax = 4_096;

    /// <summary>A batch ends when its buffer holds so many bytes; the last record may go beyond.</summary>
    public const int BytesTarget = 320 << 10;

    /// <summary>What a buffer takes: grown piece by piece it would be twice as much, for as long as the service lives.</summary>
    private const int BytesHeld = BytesTarget + Limits.RecordValueBytesMax;

    private readonly Row[] _rows = GC.AllocateUninitializedArray<Row>(RecordsMax, pinned: true);
    private byte[] _bytes = GC.AllocateUninitializedArray<byte>(BytesHeld, pinned: true);
    private int _used;

    public int Count { get; private set; }

    public bool IsFull => Count == RecordsMax || _used >= BytesTarget;

    public LogPartition PartitionOf(int index) => _rows[index].At;

    public long OffsetOf(int index) => _rows[index].Offset;

    public RawRecord this[int index]
    {
        get
        {
            var row = _rows[index];
            return new RawRecord(row.Key.Length >= 0, Bytes(row.Key), row.Value.Length >= 0, Bytes(row.Value));
        }
    }

    /// <returns>Where the bytes stand, for <see cref="Add"/>.</returns>
    public Slice Copy(ReadOnlySpan<byte> bytes)
    {
        if (_bytes.Length - _used < bytes.Length) Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _used + bytes.Length));
        bytes.CopyTo(_bytes.AsSpan(_used));
        var slice = new Slice(_used, bytes.Length);
        _used += bytes.Length;
        return slice;
    }

    public void Add(LogPartition at, long offset, Slice key, Slice value) => _rows[Count++] = new Row(at, offset, key, value);

    public void Clear()
    {
        (Count, _used) = (0, 0);
        // One huge record must not stay with the service for good.
        if (_bytes.Length > BytesHeld) _bytes = GC.AllocateUninitializedArray<byte>(BytesHeld, pinned: true);
    }

    private ReadOnlySpan<byte> Bytes(Slice slice) => slice.Length < 0 ? default : _bytes.AsSpan(slice.Start, slice.Length);

    private readonly record struct Row(LogPartition At, long Offset, Slice Key, Slice Value);
}

/// <param name="Length">-1: the record has none.</param>
internal readonly record struct Slice(int Start, int Length)
{
    public static readonly Slice None = new(0, -1);
}
