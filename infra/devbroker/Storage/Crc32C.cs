using System.Numerics;

namespace StreamSettlement.DevBroker.Storage;

/// <summary>CRC-32C (Castagnoli), the checksum of record batches. Uses the processor's instruction where it has one.</summary>
internal static class Crc32C
{
    public static uint Compute(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        while (data.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
            data = data[sizeof(ulong)..];
        }
        foreach (var part in data) crc = BitOperations.Crc32C(crc, part);
        return ~crc;
    }
}
