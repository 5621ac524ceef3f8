using System.Buffers;
using System.IO.Compression;

namespace StreamSettlement.DevBroker.Storage;

/// <summary>Finds a record by its time inside a batch, which may be compressed.</summary>
internal static class RecordTimes
{
    /// <summary>Bytes of records that are decompressed at most: a batch of 1 MiB may claim to hold 255.</summary>
    private const int RecordsBytesMax = 64 << 20;

    private const int Uncompressed = 0;
    private const int Gzip = 1;
    private const int Lz4 = 3;

    /// <returns>
    /// The record. For batches that can't be looked into (snappy, zstd, more than 64 MiB) the batch's first record:
    /// reading from there misses nothing.
    /// </returns>
    public static TimePosition FirstAtOrAfter(Segment segment, long position, in RecordBatch batch, long timestamp)
    {
        var start = new TimePosition(batch.BaseOffset, batch.BaseTimestamp);
        if (batch.BaseTimestamp >= timestamp || batch.Count == 1) return start;
        var stored = ArrayPool<byte>.Shared.Rent(batch.Size);
        try
        {
            segment.Read(position, stored.AsSpan(0, batch.Size));
            var payload = stored.AsMemory(RecordBatch.HeaderBytes, batch.Size - RecordBatch.HeaderBytes);
            return Records(batch.Compression, payload) is { } records
                ? Scan(records.Span, batch, timestamp) ?? start
                : start;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(stored);
        }
    }

    private static ReadOnlyMemory<byte>? Records(int compression, ReadOnlyMemory<byte> payload)
    {
        switch (compression)
        {
            case Uncompressed: return payload;
            case Lz4: return Lz4Frame.Decode(payload.Span, RecordsBytesMax) is { } decoded ? decoded : null;
            case Gzip: return Unzip(payload);
            default: return null;
        }
    }

    private static ReadOnlyMemory<byte>? Unzip(ReadOnlyMemory<byte> payload)
    {
        using var zipped = new GZipStream(new MemoryStream(payload.ToArray()), CompressionMode.Decompress);
        using var records = new MemoryStream();
        var chunk = new byte[64 * 1024];
        try
        {
            for (int read; (read = zipped.Read(chunk)) > 0;)
            {
                if (records.Length + read > RecordsBytesMax) return null;
                records.Write(chunk, 0, read);
            }
        }
        catch (InvalidDataException)
        {
            // A client may put anything under a right checksum; its own consumers will say so.
            return null;
        }
        return records.ToArray();
    }

    /// <summary>Each record begins: length, attributes (one byte), timestamp delta, offset delta; all zigzag varints.</summary>
    private static TimePosition? Scan(ReadOnlySpan<byte> records, in RecordBatch batch, long timestamp)
    {
        while (TryVarLong(ref records, out var length) && length > 0 && length <= records.Length)
        {
            var record = records[1..(int)length];
            records = records[(int)length..];
            if (!TryVarLong(ref record, out var timestampDelta) || !TryVarLong(ref record, out var offsetDelta)) return null;
            var recordTime = unchecked(batch.BaseTimestamp + timestampDelta);
            if (recordTime >= timestamp) return new TimePosition(unchecked(batch.BaseOffset + offsetDelta), recordTime);
        }
        return null;
    }

    private static bool TryVarLong(ref ReadOnlySpan<byte> bytes, out long value)
    {
        ulong raw = 0;
        for (var i = 0; i < Math.Min(10, bytes.Length); i++)
        {
            raw |= (ulong)(bytes[i] & 0x7F) << (7 * i);
            if (bytes[i] >= 0x80) continue;
            bytes = bytes[(i + 1)..];
            value = unchecked((long)(raw >> 1) ^ -(long)(raw & 1));
            return true;
        }
        value = 0;
        return false;
    }
}
