using System.Buffers.Binary;
using System.Runtime.InteropServices;
using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator.Core;

/// <summary>
/// Which of 65,536 consecutive row ids were counted: a sorted list of 16-bit numbers below 4,096 ids, a bitmap from there, as the
/// containers of Roaring (https://roaringbitmap.org/about/). Never larger than 8 KiB.
/// </summary>
internal sealed class ClaimBlock
{
    private const int FirstCapacity = 8;

    private ushort[] _list;
    private byte[]? _bitmap;

    public ClaimBlock() => _list = [];

    private ClaimBlock(ushort[] list, byte[]? bitmap, int count) => (_list, _bitmap, Count) = (list, bitmap, count);

    public int Count { get; private set; }

    public bool IsBitmap => _bitmap is not null;

    /// <summary>Memory held by the ids, in bytes.</summary>
    public int Bytes => _bitmap?.Length ?? (_list.Length * sizeof(ushort));

    /// <returns>False when the id was claimed before.</returns>
    public bool Add(ushort id)
    {
        if (_bitmap is not null) return AddToBitmap(_bitmap, id);
        // Ids mostly arrive in ascending order: no search then.
        var at = Count == 0 || _list[Count - 1] < id ? Count : Array.BinarySearch(_list, 0, Count, id);
        if (at >= 0 && at < Count) return false;
        if (at < 0) at = ~at;
        if (Count + 1 == Limits.ClaimListIdsMax)
        {
            _bitmap = ToBitmap();
            _list = [];
            return AddToBitmap(_bitmap, id);
        }
        if (Count == _list.Length) Array.Resize(ref _list, Math.Max(FirstCapacity, Math.Min(Count * 2, Limits.ClaimListIdsMax)));
        Array.Copy(_list, at, _list, at + 1, Count - at);
        _list[at] = id;
        Count++;
        return true;
    }

    public bool Contains(ushort id) => _bitmap is null
        ? Array.BinarySearch(_list, 0, Count, id) >= 0
        : (_bitmap[id >> 3] & (1 << (id & 7))) != 0;

    /// <returns>A copy in the form of <c>rollup.claim.ids</c>.</returns>
    public byte[] ToBytes()
    {
        if (_bitmap is not null) return [.. _bitmap];
        var bytes = new byte[Count * sizeof(ushort)];
        for (var i = 0; i < Count; i++) BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(i * sizeof(ushort)), _list[i]);
        return bytes;
    }

    /// <param name="bytes">As <see cref="ToBytes"/> gave them; taken over, not copied.</param>
    /// <exception cref="FormatException">The bytes are neither a bitmap nor an ascending list.</exception>
    public static ClaimBlock FromBytes(byte[] bytes)
    {
        if (bytes.Length == Limits.ClaimBitmapBytes)
        {
            var count = 0;
            foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes)) count += System.Numerics.BitOperations.PopCount(word);
            return new ClaimBlock([], bytes, count);
        }
        if (bytes.Length > Limits.ClaimBitmapBytes || bytes.Length % sizeof(ushort) != 0)
        {
            throw new FormatException($"a claim block of {bytes.Length} bytes: expected {Limits.ClaimBitmapBytes}, or fewer and even");
        }
        var list = new ushort[bytes.Length / sizeof(ushort)];
        for (var i = 0; i < list.Length; i++)
        {
            list[i] = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(i * sizeof(ushort)));
            if (i > 0 && list[i] <= list[i - 1]) throw new FormatException($"a claim list that does not ascend at {i}: {list[i - 1]}, {list[i]}");
        }
        return new ClaimBlock(list, null, list.Length);
    }

    private bool AddToBitmap(byte[] bitmap, ushort id)
    {
        ref var cell = ref bitmap[id >> 3];
        var bit = (byte)(1 << (id & 7));
        if ((cell & bit) != 0) return false;
        cell |= bit;
        Count++;
        return true;
    }

    private byte[] ToBitmap()
    {
        var bitmap = new byte[Limits.ClaimBitmapBytes];
        foreach (var id in _list.AsSpan(0, Count)) bitmap[id >> 3] |= (byte)(1 << (id & 7));
        return bitmap;
    }
}
