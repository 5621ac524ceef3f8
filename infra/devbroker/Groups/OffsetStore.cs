namespace StreamSettlement.DevBroker.Groups;

/// <summary>A committed position of a group in one partition; <see cref="None"/> takes back what was committed before.</summary>
internal sealed record CommittedOffset(
    string Group, string Topic, int Partition, long Offset, int LeaderEpoch, string Metadata)
{
    public const long None = -1;
}

/// <summary>
/// Committed offsets: in memory, and appended to offsets.log before they are acknowledged. An entry is length, CRC-32C
/// and JSON; the newest of a key wins. The file is rewritten when most of it is history.
/// </summary>
internal sealed class OffsetStore : IDisposable
{
    private const int EntryHeaderBytes = 8;

    /// <summary>Bytes below which the file is never rewritten.</summary>
    private const long RewriteFromBytes = 4 << 20;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Dictionary<(string Topic, int Partition), CommittedOffset>> _groups = [];
    private readonly string _path;
    private SafeFileHandle _file;
    private long _length;
    private long _rewriteAt = RewriteFromBytes;

    public OffsetStore(string dataDirectory, BrokerTelemetry telemetry)
    {
        _path = Path.Combine(dataDirectory, "offsets.log");
        _file = OpenFile();
        var torn = Load(File.ReadAllBytes(_path));
        if (torn == 0) return;
        RandomAccess.SetLength(_file, _length);
        telemetry.TornOffsets(_path, torn);
    }

    /// <summary>Stores offsets; when this returns they survive a killed process.</summary>
    public void Commit(IReadOnlyList<CommittedOffset> offsets)
    {
        if (offsets.Count == 0) return;
        lock (_gate)
        {
            Append(offsets);
            foreach (var offset in offsets) Remember(offset);
            if (_length > _rewriteAt) Rewrite();
        }
    }

    /// <summary>Takes back what all groups committed for a topic.</summary>
    public void ForgetTopic(string topic)
    {
        lock (_gate)
            Commit([.. _groups.Values.SelectMany(offsets => offsets.Values).Where(offset => offset.Topic == topic)
                .Select(offset => offset with { Offset = CommittedOffset.None })]);
    }

    public CommittedOffset? Find(string group, string topic, int partition)
    {
        lock (_gate) return _groups.GetValueOrDefault(group)?.GetValueOrDefault((topic, partition));
    }

    public IReadOnlyList<CommittedOffset> All(string group)
    {
        lock (_gate) return _groups.TryGetValue(group, out var offsets) ? [.. offsets.Values] : [];
    }

    public IReadOnlyList<string> Groups()
    {
        lock (_gate) return [.. _groups.Keys];
    }

    public void Flush()
    {
        lock (_gate) RandomAccess.FlushToDisk(_file);
    }

    public void Dispose() => _file.Dispose();

    private SafeFileHandle OpenFile() =>
        File.OpenHandle(_path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);

    private void Remember(CommittedOffset offset)
    {
        if (!_groups.TryGetValue(offset.Group, out var offsets)) _groups[offset.Group] = offsets = [];
        if (offset.Offset != CommittedOffset.None) offsets[(offset.Topic, offset.Partition)] = offset;
        else offsets.Remove((offset.Topic, offset.Partition));
        if (offsets.Count == 0) _groups.Remove(offset.Group);
    }

    private void Append(IReadOnlyList<CommittedOffset> offsets)
    {
        var entry = Entry(offsets);
        DiskFile.Write(_file, entry, _length);
        _length += entry.Length;
    }

    private static byte[] Entry(IReadOnlyList<CommittedOffset> offsets)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(offsets);
        var entry = new byte[EntryHeaderBytes + json.Length];
        BinaryPrimitives.WriteInt32BigEndian(entry, json.Length);
        BinaryPrimitives.WriteUInt32BigEndian(entry.AsSpan(4), Crc32C.Compute(json));
        json.CopyTo(entry, EntryHeaderBytes);
        return entry;
    }

    /// <returns>Bytes after the last whole entry.</returns>
    private long Load(ReadOnlySpan<byte> content)
    {
        var total = content.Length;
        while (content.Length >= EntryHeaderBytes)
        {
            var size = BinaryPrimitives.ReadInt32BigEndian(content);
            if (size < 0 || size > content.Length - EntryHeaderBytes) break;
            var json = content.Slice(EntryHeaderBytes, size);
            if (Crc32C.Compute(json) != BinaryPrimitives.ReadUInt32BigEndian(content[4..])) break;
            foreach (var offset in JsonSerializer.Deserialize<CommittedOffset[]>(json)!) Remember(offset);
            content = content[(EntryHeaderBytes + size)..];
        }
        _length = total - content.Length;
        return content.Length;
    }

    private void Rewrite()
    {
        using var whole = new MemoryStream();
        foreach (var offsets in _groups.Values) whole.Write(Entry([.. offsets.Values]));
        // The handle with which it was written: one to be opened now could fail, and no commit would have a file.
        var file = DiskFile.Replace(_path, whole.ToArray());
        _file.Dispose();
        _file = file;
        _length = RandomAccess.GetLength(_file);
        _rewriteAt = Math.Max(RewriteFromBytes, 4 * _length);
    }
}
