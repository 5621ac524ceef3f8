using System.Buffers.Binary;
using System.Buffers.Text;

namespace StreamSettlement.Contracts;

/// <summary>
/// The partition of a key as the Java clients choose it (librdkafka: <c>partitioner=murmur2</c>): murmur2 of the key's bytes,
/// sign bit cleared, modulo the partition count.
/// </summary>
public static class Partitioner
{
    /// <param name="key">The key's bytes; empty hashes too.</param>
    public static int PartitionOf(ReadOnlySpan<byte> key, int partitions)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(partitions, 1);
        return (int)((Murmur2(key) & 0x7fffffff) % (uint)partitions);
    }

    public static int PartitionOf(ContentId content, int partitions)
    {
        Span<byte> key = stackalloc byte[20];
        Utf8Formatter.TryFormat(content.Value, key, out var length);
        return PartitionOf(key[..length], partitions);
    }

    /// <summary>32-bit MurmurHash2 with the seed 0x9747b28c, as in org.apache.kafka.common.utils.Utils.</summary>
    public static uint Murmur2(ReadOnlySpan<byte> data)
    {
        const uint seed = 0x9747b28c;
        const uint m = 0x5bd1e995;
        const int r = 24;
        unchecked
        {
            var h = seed ^ (uint)data.Length;
            while (data.Length >= 4)
            {
                var k = BinaryPrimitives.ReadUInt32LittleEndian(data) * m;
                k ^= k >> r;
                h = (h * m) ^ (k * m);
                data = data[4..];
            }
            if (data.Length >= 3) h ^= (uint)data[2] << 16;
            if (data.Length >= 2) h ^= (uint)data[1] << 8;
            if (data.Length >= 1)
            {
                h ^= data[0];
                h *= m;
            }
            h ^= h >> 13;
            h *= m;
            return h ^ (h >> 15);
        }
    }
}
