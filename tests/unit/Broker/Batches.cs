using System.Buffers.Binary;
using System.IO.Compression;
using StreamSettlement.DevBroker.Storage;

namespace StreamSettlement.UnitTests.Broker;

/// <summary>Builds record batches as a producer does.</summary>
internal static class Batches
{
    public const long Noon = 1_700_000_000_000;

    /// <param name="times">Timestamp of each record, ms since epoch.</param>
    /// <param name="payload">Bytes in place of the encoded records.</param>
    public static byte[] Of(
        long[] times, long producer = -1, short epoch = -1, int sequence = -1, short attributes = 0, byte[]? payload = null)
    {
        var records = payload ?? Records(times);
        var batch = new byte[RecordBatch.HeaderBytes + records.Length];
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(8), batch.Length - RecordBatch.PrefixBytes);
        batch[16] = 2;
        BinaryPrimitives.WriteInt16BigEndian(batch.AsSpan(21), attributes);
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(23), times.Length - 1);
        BinaryPrimitives.WriteInt64BigEndian(batch.AsSpan(27), times[0]);
        BinaryPrimitives.WriteInt64BigEndian(batch.AsSpan(35), times.Max());
        BinaryPrimitives.WriteInt64BigEndian(batch.AsSpan(43), producer);
        BinaryPrimitives.WriteInt16BigEndian(batch.AsSpan(51), epoch);
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(53), sequence);
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(57), times.Length);
        records.CopyTo(batch, RecordBatch.HeaderBytes);
        return Sign(batch);
    }

    /// <summary>A batch of records with keys, a second apart; a null value is a tombstone.</summary>
    public static byte[] Keyed(long begin, params (string Key, string? Value)[] records)
    {
        using var all = new MemoryStream();
        for (var i = 0; i < records.Length; i++) Record(all, 1_000 * i, i, records[i].Key, records[i].Value);
        return Of([.. Enumerable.Range(0, records.Length).Select(i => begin + 1_000 * i)], payload: all.ToArray());
    }

    /// <summary>The same, compressed by gzip.</summary>
    public static byte[] Zipped(long begin, params (string Key, string? Value)[] records)
    {
        var plain = Keyed(begin, records);
        using var payload = new MemoryStream();
        using (var zip = new GZipStream(payload, CompressionLevel.Optimal)) zip.Write(plain.AsSpan(RecordBatch.HeaderBytes));
        return Of([.. Enumerable.Range(0, records.Length).Select(i => begin + 1_000 * i)], attributes: 1, payload: payload.ToArray());
    }

    public static byte[] OfCount(int count, long producer = -1, short epoch = -1, int sequence = -1) =>
        Of([.. Enumerable.Range(0, count).Select(i => Noon + i)], producer, epoch, sequence);

    /// <summary>Sets the checksum to that of the content.</summary>
    public static byte[] Sign(byte[] batch)
    {
        BinaryPrimitives.WriteUInt32BigEndian(batch.AsSpan(17), Crc32C.Compute(batch.AsSpan(21)));
        return batch;
    }

    /// <summary>Records without key, with the value "v" and no headers.</summary>
    public static byte[] Records(long[] times)
    {
        using var all = new MemoryStream();
        for (var i = 0; i < times.Length; i++) Record(all, times[i] - times[0], i, null, "v");
        return all.ToArray();
    }

    private static void Record(MemoryStream target, long time, int offset, string? key, string? value)
    {
        using var record = new MemoryStream();
        record.WriteByte(0);
        ZigZag(record, time);
        ZigZag(record, offset);
        Field(record, key);
        Field(record, value);
        ZigZag(record, 0);
        ZigZag(target, record.Length);
        target.Write(record.ToArray());
    }

    private static void Field(MemoryStream target, string? text)
    {
        ZigZag(target, text?.Length ?? -1);
        target.Write(System.Text.Encoding.ASCII.GetBytes(text ?? ""));
    }

    private static void ZigZag(MemoryStream target, long value)
    {
        var raw = unchecked((ulong)((value << 1) ^ (value >> 63)));
        for (; raw >= 0x80; raw >>= 7) target.WriteByte((byte)(raw & 0x7F | 0x80));
        target.WriteByte((byte)raw);
    }
}
