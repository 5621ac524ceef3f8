namespace StreamSettlement.DevBroker.Storage;

/// <summary>
/// A file of (key, position) pairs, both non-decreasing, searched in place: nothing of it is kept in memory. Offsets
/// and times of a segment are indexed by one each. One writer; readers may search while it appends.
/// </summary>
internal sealed class SparseIndex : IDisposable
{
    private const int EntryBytes = 16;

    private readonly SafeFileHandle _file;
    private int _count;

    public SparseIndex(string path)
    {
        _file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        // A torn last entry is cut by the division.
        _count = checked((int)(RandomAccess.GetLength(_file) / EntryBytes));
    }

    public int Count => Volatile.Read(ref _count);

    public void Append(long key, long position)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        BinaryPrimitives.WriteInt64BigEndian(entry, key);
        BinaryPrimitives.WriteInt64BigEndian(entry[8..], position);
        DiskFile.Write(_file, entry, (long)_count * EntryBytes);
        Volatile.Write(ref _count, _count + 1);
    }

    public void Clear()
    {
        _count = 0;
        RandomAccess.SetLength(_file, 0);
    }

    /// <summary>The position of the last entry whose key is below <paramref name="key"/>; 0 when there is none.</summary>
    public long PositionBelowKey(long key)
    {
        var below = Search(0, key);
        return below == 0 ? 0 : Read(below - 1).Position;
    }

    /// <summary>The largest indexed position at or below <paramref name="position"/>; 0 when there is none.</summary>
    public long PositionAtOrBelow(long position)
    {
        var below = Search(8, position + 1);
        return below == 0 ? 0 : Read(below - 1).Position;
    }

    /// <summary>The last entry, or (-1, -1).</summary>
    public (long Key, long Position) Last => Count is var count and > 0 ? Read(count - 1) : (-1, -1);

    public void Flush() => RandomAccess.FlushToDisk(_file);
    public void Dispose() => _file.Dispose();

    /// <returns>The number of entries whose field at <paramref name="field"/> is below <paramref name="bound"/>.</returns>
    private int Search(int field, long bound)
    {
        int low = 0, high = Count;
        while (low < high)
        {
            var middle = low + (high - low) / 2;
            var (key, position) = Read(middle);
            if ((field == 0 ? key : position) < bound) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    private (long Key, long Position) Read(int index)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        if (RandomAccess.Read(_file, entry, (long)index * EntryBytes) != EntryBytes)
            throw new IOException($"entry {index} of an index with {_count} entries can't be read");
        return (BinaryPrimitives.ReadInt64BigEndian(entry), BinaryPrimitives.ReadInt64BigEndian(entry[8..]));
    }
}
