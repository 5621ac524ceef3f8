using System.IO.Compression;
using K4os.Compression.LZ4.Streams;

namespace StreamSettlement.DevBroker.Storage;

/// <summary>One record, with its places in the content of its batch.</summary>
/// <param name="Bytes">All of it, its length included.</param>
/// <param name="Key">Null when it has none.</param>
/// <param name="IsTombstone">It has no value: in a compacted topic it deletes its key.</param>
internal readonly record struct Record(long Offset, long Timestamp, Range Bytes, Range? Key, bool IsTombstone);

/// <summary>The records of one batch, decompressed: for offsets by time and for compaction.</summary>
internal sealed class RecordSet
{
    /// <summary>Bytes of records that are decompressed at most: a batch of 1 MiB may claim to hold 255.</summary>
    private const int BytesMax = 64 << 20;

    private const int Uncompressed = 0;
    private const int Gzip = 1;
    private const int Lz4 = 3;

    private readonly byte[] _content;
    private readonly List<Record> _records = [];
    private int _at;

    private RecordSet(byte[] content) => _content = content;
    public IReadOnlyList<Record> Records => _records;
    public ReadOnlySpan<byte> this[Range place] => _content.AsSpan(place);

    /// <param name="stored">The whole batch.</param>
    /// <returns>Null for batches that can't be looked into: snappy, zstd, more than 64 MiB, nonsense under a right checksum.</returns>
    public static RecordSet? Read(ReadOnlySpan<byte> stored, in RecordBatch batch)
    {
        var payload = stored[RecordBatch.HeaderBytes..batch.Size];
        var content = batch.Compression switch
        {
            Uncompressed => payload.ToArray(),
            Gzip => Unpack(new GZipStream(new MemoryStream(payload.ToArray()), CompressionMode.Decompress), BytesMax),
            Lz4 => Unpack(LZ4Stream.Decode(new MemoryStream(payload.ToArray())), BytesMax),
            _ => null,
        };
        if (content is null) return null;
        var set = new RecordSet(content);
        while (set._at < content.Length)
            if (!set.TryRecord(batch))
                return null;
        return set._records.Count == batch.Count ? set : null;
    }

    /// <summary>Length, attributes (one byte), time and offset from the batch's, key, value, headers; numbers are zigzag varints.</summary>
    private bool TryRecord(in RecordBatch batch)
    {
        var start = _at;
        if (!TryNumber(_content.Length, out var length) || length < 1 || length > _content.Length - _at) return false;
        var end = _at + (int)length;
        _at++;
        if (!TryNumber(end, out var time) || !TryNumber(end, out var offset) || !TryField(end, out var key)
            || !TryField(end, out var value) || offset < 0 || offset > batch.LastOffsetDelta)
            return false;
        _at = end;
        _records.Add(new Record(batch.BaseOffset + offset, unchecked(batch.BaseTimestamp + time), start..end, key, value is null));
        return true;
    }

    private bool TryField(int end, out Range? field)
    {
        field = null;
        if (!TryNumber(end, out var length) || length < -1 || length > end - _at) return false;
        if (length < 0) return true;
        field = _at..(_at + (int)length);
        _at += (int)length;
        return true;
    }

    private bool TryNumber(int end, out long value)
    {
        ulong raw = 0;
        for (var i = 0; i < 10 && _at < end; i++)
        {
            var part = _content[_at++];
            raw |= (ulong)(part & 0x7F) << (7 * i);
            if (part >= 0x80) continue;
            value = unchecked((long)(raw >> 1) ^ -(long)(raw & 1));
            return true;
        }
        value = 0;
        return false;
    }

    /// <returns>Null when it is damaged, or more than is allowed.</returns>
    internal static byte[]? Unpack(Stream packed, int bytesMax)
    {
        using var records = new MemoryStream();
        var chunk = new byte[64 * 1024];
        try
        {
            using (packed)
                for (int read; (read = packed.Read(chunk)) > 0;)
                {
                    if (records.Length + read > bytesMax) return null;
                    records.Write(chunk, 0, read);
                }
        }
        catch (Exception)
        {
            // A client may put anything under a right checksum, and what a decoder throws at it is its own; consumers will say so.
            return null;
        }
        return records.ToArray();
    }
}
