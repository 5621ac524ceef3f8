using System.Buffers;
using System.Buffers.Binary;

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
    private const int MatchLengthMin = 4;

    /// <returns>The content; null when the frame is damaged, needs a dictionary, or holds more than
    /// <paramref name="bytesMax"/>.</returns>
    public static byte[]? Decode(ReadOnlySpan<byte> frame, int bytesMax)
    {
        if (frame.Length < 7 || BinaryPrimitives.ReadUInt32LittleEndian(frame) != Magic) return null;
        var flags = frame[4];
        if ((flags & DictionaryFlag) != 0) return null;
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
            if ((header & StoredBlockFlag) != 0) content.Write(block);
            else if (!DecodeBlock(block, content, bytesMax)) return null;
            if (content.WrittenCount > bytesMax) return null;
            at += size + ((flags & BlockChecksumFlag) != 0 ? 4 : 0);
        }
        return null;
    }

    /// <summary>A block is a series of: literals, then a copy from what was decoded before; the last has literals only.</summary>
    private static bool DecodeBlock(ReadOnlySpan<byte> block, ArrayBufferWriter<byte> content, int bytesMax)
    {
        var at = 0;
        while (at < block.Length)
        {
            var token = block[at++];
            if (!TryLength(block, ref at, token >> 4, out var literals) || literals > block.Length - at) return false;
            content.Write(block.Slice(at, literals));
            at += literals;
            if (at == block.Length) return true;
            if (at + 2 > block.Length) return false;
            var distance = BinaryPrimitives.ReadUInt16LittleEndian(block[at..]);
            at += 2;
            if (!TryLength(block, ref at, token & 0x0F, out var length)) return false;
            length += MatchLengthMin;
            if (distance == 0 || distance > content.WrittenCount || content.WrittenCount + length > bytesMax) return false;
            Copy(content, distance, length);
        }
        return true;
    }

    private static void Copy(ArrayBufferWriter<byte> content, int distance, int length)
    {
        // Claimed first: growing moves what is copied from. A distance below the length repeats what it has just written.
        var target = content.GetSpan(length);
        var source = content.WrittenSpan[^distance..];
        for (var i = 0; i < length; i++) target[i] = i < distance ? source[i] : target[i - distance];
        content.Advance(length);
    }

    private static bool TryLength(ReadOnlySpan<byte> block, ref int at, int nibble, out int length)
    {
        length = nibble;
        if (nibble < 15) return true;
        while (at < block.Length)
        {
            var more = block[at++];
            length += more;
            if (more < 255) return true;
        }
        return false;
    }
}
