using K4os.Compression.LZ4;

namespace StreamSettlement.DevBroker.Storage;

/// <summary>
/// Decodes the LZ4 frame format, to look into compressed batches. Checksums of the frame are not checked: the batch's
/// own has been.
/// </summary>
internal static class Lz4Frame
{
    private const uint Magic = 0x184D2204;
    private const int BlockChecksumFlag = 0x10;
    private const int ContentSizeFlag = 0x08;
    private const int DictionaryFlag = 0x01;
    private const uint StoredBlockFlag = 0x8000_0000;

    /// <summary>How far back a block may copy from those before it.</summary>
    private const int DistanceMax = 64 * 1024;

    /// <returns>The content; null when the frame is damaged, needs a dictionary, or holds more than
    /// <paramref name="bytesMax"/>.</returns>
    public static byte[]? Decode(ReadOnlySpan<byte> frame, int bytesMax)
    {
        if (frame.Length < 7 || BinaryPrimitives.ReadUInt32LittleEndian(frame) != Magic) return null;
        var flags = frame[4];
        // 4 to 7: blocks of at most 64 KiB, 256 KiB, 1 MiB, 4 MiB.
        var blockSize = (frame[5] >> 4) & 7;
        if ((flags & DictionaryFlag) != 0 || blockSize < 4) return null;
        var at = 7 + ((flags & ContentSizeFlag) != 0 ? 8 : 0);
        var content = new ArrayBufferWriter<byte>();
        while (at + 4 <= frame.Length)
        {
            var header = BinaryPrimitives.ReadUInt32LittleEndian(frame[at..]);
            if (header == 0) return content.WrittenSpan.ToArray();
            at += 4;
            var size = (int)(header & ~StoredBlockFlag);
            if (size > frame.Length - at) return null;
            var block = frame.Slice(at, size);
            // Claimed first: growing moves what is copied from.
            var target = content.GetSpan(Math.Max(size, 1 << (2 * blockSize + 8)));
            var isStored = (header & StoredBlockFlag) != 0;
            if (isStored) block.CopyTo(target);
            var decoded = isStored ? size : LZ4Codec.Decode(block, target, content.WrittenSpan[^Math.Min(DistanceMax, content.WrittenCount)..]);
            if (decoded < 0 || decoded > bytesMax - content.WrittenCount) return null;
            content.Advance(decoded);
            at += size + ((flags & BlockChecksumFlag) != 0 ? 4 : 0);
        }
        return null;
    }
}
