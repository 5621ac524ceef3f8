using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator.Core;

/// <summary>Where a row's claim stands: partition, day, source epoch and the upper 48 bits of the id.</summary>
internal readonly record struct ClaimKey(LogPartition At, BusinessDay Day, int SourceEpoch, long Block) : IComparable<ClaimKey>
{
    public static ClaimKey Of(LogPartition at, in Fact fact) => new(at, fact.Day, fact.SourceEpoch, fact.RowId >> 16);

    public int CompareTo(ClaimKey other)
    {
        var order = At.CompareTo(other.At);
        if (order == 0) order = Day.CompareTo(other.Day);
        if (order == 0) order = SourceEpoch.CompareTo(other.SourceEpoch);
        return order == 0 ? Block.CompareTo(other.Block) : order;
    }

    public bool Equals(ClaimKey other) =>
        Block == other.Block && At == other.At && Day == other.Day && SourceEpoch == other.SourceEpoch;

    public override int GetHashCode() =>
        HashCode.Combine(Block, Day.Date.DayNumber, (At.Partition << 1) | (int)At.Stream, SourceEpoch);
}

/// <summary>
/// The claim blocks in memory, least recently used first out. A block with ids that PostgreSQL does not have yet stays:
/// dropped, it would be read back without them.
/// </summary>
/// <param name="bytesMax">Memory that the blocks may take; exceeded only by blocks that must stay.</param>
internal sealed class ClaimCache(long bytesMax)
{
    // What an entry takes beside its ids: the objects, the dictionary's and the list's nodes.
    private const int EntryBytes = 250;

    private readonly Dictionary<ClaimKey, Entry> _entries = [];
    private readonly LinkedList<Entry> _oldestFirst = [];

    // Rows come partition by partition and in the order of their ids: mostly it is the block of the row before.
    private Entry? _last;

    public long Bytes { get; private set; }

    public int Count => _entries.Count;

    public bool Contains(in ClaimKey key) => Find(key) is not null;

    /// <summary>Takes a block read from PostgreSQL, or an empty one when it has none.</summary>
    public void Load(in ClaimKey key, ClaimBlock block)
    {
        var entry = new Entry(key, block);
        _entries.Add(key, entry);
        _oldestFirst.AddLast(entry.Node);
        Bytes += block.Bytes + EntryBytes;
    }

    /// <exception cref="KeyNotFoundException">The block was not loaded: a fault of the caller.</exception>
    public bool Claim(in ClaimKey key, long rowId, long chunk, List<Entry> changed)
    {
        var entry = Find(key) ?? throw new KeyNotFoundException($"claim block {key} was not loaded");
        if (entry.Node.Next is not null)
        {
            _oldestFirst.Remove(entry.Node);
            _oldestFirst.AddLast(entry.Node);
        }
        var before = entry.Block.Bytes;
        if (!entry.Block.Add((ushort)(rowId & 0xffff))) return false;
        Bytes += entry.Block.Bytes - before;
        if (entry.ChangedIn != chunk)
        {
            entry.ChangedIn = chunk;
            changed.Add(entry);
        }
        return true;
    }

    /// <param name="committed">Number of the last chunk that PostgreSQL has.</param>
    public void Shrink(long committed)
    {
        for (var node = _oldestFirst.First; node is not null && Bytes > bytesMax;)
        {
            var next = node.Next;
            if (node.Value.ChangedIn <= committed) Remove(node.Value);
            node = next;
        }
    }

    public void Forget(LogPartition at)
    {
        foreach (var entry in _entries.Values.Where(entry => entry.Key.At == at).ToList()) Remove(entry);
    }

    public void Clear()
    {
        _entries.Clear();
        _oldestFirst.Clear();
        _last = null;
        Bytes = 0;
    }

    private Entry? Find(in ClaimKey key)
    {
        if (_last is { } last && last.Key.Equals(key)) return last;
        return _entries.TryGetValue(key, out var entry) ? _last = entry : null;
    }

    private void Remove(Entry entry)
    {
        _entries.Remove(entry.Key);
        _oldestFirst.Remove(entry.Node);
        if (_last == entry) _last = null;
        Bytes -= entry.Block.Bytes + EntryBytes;
    }

    internal sealed class Entry
    {
        public Entry(ClaimKey key, ClaimBlock block)
        {
            (Key, Block) = (key, block);
            Node = new LinkedListNode<Entry>(this);
        }

        public ClaimKey Key { get; }

        public ClaimBlock Block { get; }

        public LinkedListNode<Entry> Node { get; }

        /// <summary>Number of the last chunk that added ids; 0: none since it was read.</summary>
        public long ChangedIn { get; set; }
    }
}
