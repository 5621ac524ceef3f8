using System.Runtime.InteropServices;
using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator.Core;

/// <summary>
/// Adds up records until a transaction is worth it. Each row counts once, by its claim; each marker takes the totals of exactly
/// the rows before it in its partition's order.
/// </summary>
internal sealed class ChunkBuilder(ClaimCache claims, ChunkLimits limits)
{
    // Every how many rows the age is kept, for the histogram.
    private const long SampleEvery = 64;

    private readonly List<OwnedPartition> _touched = [];
    private readonly Dictionary<ContentCell, CellSum> _contents = [];
    private readonly Dictionary<AdCell, CellSum> _ads = [];
    private readonly Dictionary<PartitionDay, Totals> _partitionDays = [];
    private readonly List<ClaimCache.Entry> _changed = [];
    private readonly List<Seal> _seals = [];
    private readonly List<Exclusion> _excluded = [];
    private readonly List<DeadLetter> _deadLetters = [];
    private readonly List<ClaimedRow> _mayBeLetters = [];
    private readonly List<SourceTime> _sampled = [];
    private ChunkCounts _counts = new();
    private SourceTime? _newest;
    private long _deadLetterBytes;

    /// <summary>Number of the chunk being built, from 1.</summary>
    public long Number { get; private set; } = 1;

    public bool IsEmpty => _counts.Rows == 0;

    /// <param name="rowsToCome">Rows that would be added next.</param>
    public bool HasRoomFor(int rowsToCome) =>
        _counts.Rows + rowsToCome <= limits.RowsMax
        && _contents.Count + _ads.Count + _excluded.Count + rowsToCome <= limits.CellsMax
        && _deadLetterBytes < limits.DeadLetterBytesMax
        && _changed.Count < limits.ClaimBlocksMax;

    /// <summary>Takes the partition's next record. The claim block of a fact must be in the cache.</summary>
    /// <param name="key">Kept (copied) only for a dead letter; null when the record has none.</param>
    public void Add(OwnedPartition owned, long offset, in Verdict verdict, Eligibility rules, in RawRecord raw)
    {
        var stream = (int)owned.At.Stream;
        owned.Position = offset + 1;
        if (owned.TouchedIn != Number)
        {
            owned.TouchedIn = Number;
            _touched.Add(owned);
        }
        _counts.Consumed[stream]++;
        if (verdict.IsFact) AddFact(owned, verdict.Fact, rules);
        else if (verdict.Marker is { } marker) AddMarker(owned, marker, offset);
        else if (verdict.Poison is { } poison) AddDeadLetter(owned, poison, offset, raw);
        else _counts.Unfinished[stream]++;
    }

    /// <returns>What was added, in key order; the builder is empty afterwards.</returns>
    public Chunk Finish()
    {
        var moves = _touched
            .OrderBy(owned => owned.At)
            .Select(owned => new ProgressMove(owned.At, owned.Epoch, owned.Commits++, owned.Position))
            .ToArray();
        var chunk = new Chunk(
            Number,
            moves,
            [.. _partitionDays.Keys.Select(key => key.Day).Concat(_seals.Select(seal => seal.Marker.Day)).Distinct().Order()],
            Sorted(_contents),
            Sorted(_ads),
            Sorted(_partitionDays),
            [.. _seals],
            [.. _changed.OrderBy(entry => entry.Key).Select(entry => new ChangedClaim(entry.Key, entry.Block.IsBitmap, entry.Block.ToBytes()))],
            [.. _excluded],
            [.. _deadLetters],
            [.. _mayBeLetters],
            _counts,
            [.. _sampled],
            _newest);
        Clear();
        return chunk;
    }

    /// <summary>Forgets what was added; the claims of it must be forgotten too.</summary>
    public void Clear()
    {
        Number++;
        _touched.Clear();
        _contents.Clear();
        _ads.Clear();
        _partitionDays.Clear();
        _changed.Clear();
        _seals.Clear();
        _excluded.Clear();
        _deadLetters.Clear();
        _mayBeLetters.Clear();
        _sampled.Clear();
        _counts = new();
        _newest = null;
        _deadLetterBytes = 0;
    }

    private void AddFact(OwnedPartition owned, in Fact fact, Eligibility rules)
    {
        var stream = (int)owned.At.Stream;
        // Also of a row that was counted before: a bad copy of it that was read again must not block its day for good.
        if (owned.Letters.MayHold(fact.SourceEpoch, fact.RowId)) _mayBeLetters.Add(new ClaimedRow(owned.At, fact.SourceEpoch, fact.RowId));
        if (!claims.Claim(ClaimKey.Of(owned.At, fact), fact.RowId, Number, _changed))
        {
            _counts.Duplicate[stream]++;
            return;
        }
        ref var totals = ref CollectionsMarshal.GetValueRefOrAddDefault(_partitionDays, new PartitionDay(owned.At, fact.Day), out _);
        totals = totals.Plus(fact.RowId, fact.WatchSeconds);
        var rule = rules.For(fact.Day);
        if (!Eligibility.Counts(owned.At.Stream, fact, rule))
        {
            _counts.Excluded[stream]++;
            _excluded.Add(new Exclusion(owned.At, fact, rule.Version));
            return;
        }
        _counts.Counted[stream]++;
        if (fact.RowId % SampleEvery == 0) _sampled.Add(fact.UpdatedAt);
        if (_newest is null || fact.UpdatedAt > _newest) _newest = fact.UpdatedAt;
        var late = owned.IsLate(fact);
        if (owned.At.Stream == SourceStream.ViewLogs)
        {
            ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(_contents, new ContentCell(fact.Day, fact.Content, fact.Creator), out _);
            sum = sum.Plus(fact.WatchSeconds, late);
        }
        else
        {
            ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(
                _ads, new AdCell(fact.Day, fact.Content, fact.Advertisement, fact.Creator), out _);
            sum = sum.Plus(0, late);
        }
    }

    private void AddMarker(OwnedPartition owned, Marker marker, long offset)
    {
        owned.Learn(marker);
        _seals.Add(new Seal(owned.At, marker, _partitionDays.GetValueOrDefault(new PartitionDay(owned.At, marker.Day)), offset));
    }

    private void AddDeadLetter(OwnedPartition owned, Poison poison, long offset, in RawRecord raw)
    {
        var letter = new DeadLetter(owned.At, offset, owned.Incarnation, poison, raw.CopyKey(), raw.CopyValue(), offset >= owned.NextByRollups);
        _deadLetters.Add(letter);
        if (poison is { RowId: { } row, SourceEpoch: { } epoch }) owned.Letters.Add(epoch, row);
        // Beside the bytes an object, its text and its place in a list.
        _deadLetterBytes += (letter.Key?.Length ?? 0) + (letter.Value?.Length ?? 0) + 400;
    }

    private static (TKey, TValue)[] Sorted<TKey, TValue>(Dictionary<TKey, TValue> cells)
        where TKey : notnull
    {
        var (keys, values) = (new TKey[cells.Count], new TValue[cells.Count]);
        cells.Keys.CopyTo(keys, 0);
        cells.Values.CopyTo(values, 0);
        Array.Sort(keys, values);
        var sorted = new (TKey, TValue)[keys.Length];
        for (var i = 0; i < keys.Length; i++) sorted[i] = (keys[i], values[i]);
        return sorted;
    }
}

/// <summary>What one transaction may hold.</summary>
/// <param name="CellsMax">Contents, ads and excluded rows together.</param>
/// <param name="ClaimBlocksMax">Claim blocks that are written again.</param>
internal sealed record ChunkLimits(int RowsMax, int CellsMax, int ClaimBlocksMax, long DeadLetterBytesMax)
{
    public static readonly ChunkLimits Default = new(Limits.ChunkRowsMax, Limits.ChunkCellsMax, 4_096, 8 << 20);
}
