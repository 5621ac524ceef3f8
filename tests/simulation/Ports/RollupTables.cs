using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;

namespace StreamSettlement.SimulationTests.Ports;

/// <summary>Schema <c>rollup</c>: its tables and its constraints, as the statements of the aggregator use them.</summary>
internal sealed class RollupTables
{
    public Dictionary<SourceStream, int> PartitionCounts { get; private init; } = [];

    public SortedSet<BusinessDay> Days { get; private init; } = [];

    public SortedDictionary<ContentCell, CellSum> Contents { get; private init; } = [];

    public SortedDictionary<AdCell, CellSum> Ads { get; private init; } = [];

    public SortedDictionary<PartitionDay, Totals> PartitionDays { get; private init; } = [];

    public Dictionary<(LogPartition At, BusinessDay Day, int Attempt), SealRow> Seals { get; private init; } = [];

    public List<DeadLetterRow> DeadLetters { get; private init; } = [];

    public Dictionary<(LogPartition At, BusinessDay Day, int SourceEpoch, long RowId), Exclusion> Excluded { get; } = [];

    public Dictionary<ClaimKey, byte[]> Claims { get; } = [];

    public Dictionary<LogPartition, ProgressRow> Progress { get; } = [];

    /// <summary>Of the latest version in force.</summary>
    public IReadOnlyList<EligibilityRule> Rules { get; init; } = [];

    /// <summary>What a settlement's transaction sees.</summary>
    public RollupTables Snapshot() => new()
    {
        PartitionCounts = new(PartitionCounts),
        Days = new(Days),
        Contents = new(Contents),
        Ads = new(Ads),
        PartitionDays = new(PartitionDays),
        Seals = new(Seals),
        DeadLetters = [.. DeadLetters],
    };

    public void MoveProgress(Chunk chunk)
    {
        foreach (var move in chunk.Moves)
        {
            var row = Progress[move.At];
            Progress[move.At] = row with { NextOffset = Math.Max(row.NextOffset, move.NextOffset), Commits = row.Epoch == move.Epoch ? row.Commits + 1 : row.Commits };
        }
    }

    public void AddClaims(Chunk chunk)
    {
        foreach (var claim in chunk.Claims) Claims[claim.Key] = claim.Ids;
    }

    public void AddCounts(Chunk chunk)
    {
        Days.UnionWith(chunk.Days);
        // Letters before seals, seals before the partition's totals move, as the statements do.
        foreach (var letter in chunk.DeadLetters) AddDeadLetter(letter);
        foreach (var row in chunk.MayBeLetters) Settle(row);
        foreach (var seal in chunk.Seals)
        {
            var before = Sum(PartitionDays.GetValueOrDefault(new PartitionDay(seal.At, seal.Marker.Day)), Owed(seal.At, seal.Marker.Day));
            Seals.TryAdd((seal.At, seal.Marker.Day, seal.Marker.Attempt), new SealRow(seal.Marker.Cutoff, seal.Marker.Totals, Sum(before, seal.OwnInChunk)));
        }
        foreach (var (day, totals) in chunk.PartitionDays) PartitionDays[day] = Sum(PartitionDays.GetValueOrDefault(day), totals);
        foreach (var (cell, sum) in chunk.Contents) Contents[cell] = Sum(Contents.GetValueOrDefault(cell), sum);
        foreach (var (cell, sum) in chunk.Ads) Ads[cell] = Sum(Ads.GetValueOrDefault(cell), sum);
        foreach (var row in chunk.Excluded) Excluded.Add((row.At, row.Fact.Day, row.Fact.SourceEpoch, row.Fact.RowId), row);
    }

    /// <param name="id">One more than its place in the list.</param>
    public StoredLetter? FindLetter(long id)
    {
        if (id < 1 || id > DeadLetters.Count) return null;
        var (letter, state, _) = DeadLetters[(int)id - 1];
        return new StoredLetter(id, letter.At, PartitionCounts[letter.At.Stream], letter.Key, letter.Value, state, state == LetterState.Open ? null : "by somebody");
    }

    public void Redrive(long id)
    {
        if (DeadLetters[(int)id - 1] is { IsOpen: true } open) DeadLetters[(int)id - 1] = open with { State = LetterState.Redriven };
    }

    public bool Discard(long id, LetterRow? owed)
    {
        if (DeadLetters[(int)id - 1] is not { IsOpen: true } open) return false;
        if (owed is not null)
        {
            var key = new ClaimKey(open.Letter.At, owed.Day!.Value, owed.SourceEpoch, owed.Id >> 16);
            var counted = Claims.TryGetValue(key, out var ids) && ClaimBlock.FromBytes([.. ids]).Contains((ushort)(owed.Id & 0xffff));
            if (counted || DeadLetters.Exists(letter => letter.Owed is not null && letter.Letter.At == open.Letter.At && IsOf(letter, owed.SourceEpoch, owed.Id))) owed = null;
        }
        DeadLetters[(int)id - 1] = open with { State = LetterState.Discarded, Owed = owed };
        return true;
    }

    private void Settle(ClaimedRow row)
    {
        for (var i = 0; i < DeadLetters.Count; i++)
        {
            if (DeadLetters[i].State != LetterState.Redriven && DeadLetters[i].Letter.At == row.At && IsOf(DeadLetters[i], row.SourceEpoch, row.RowId))
                DeadLetters[i] = DeadLetters[i] with { State = LetterState.Redriven, Owed = null };
        }
    }

    /// <summary>What was discarded and the partition has to answer for.</summary>
    private Totals Owed(LogPartition at, BusinessDay day) => DeadLetters
        .Where(letter => letter.Letter.At == at && letter.Owed?.Day == day)
        .Aggregate(default(Totals), (sum, letter) => sum.Plus(letter.Owed!.Id, letter.Owed.WatchSeconds));

    private static bool IsOf(DeadLetterRow letter, int sourceEpoch, long rowId) =>
        letter.Letter.Poison is { Reason: not PoisonReason.WrongStream } poison && poison.SourceEpoch == sourceEpoch && poison.RowId == rowId;

    /// <summary>Two unique indexes: one record once, one open letter of a row and reason.</summary>
    private void AddDeadLetter(DeadLetter letter)
    {
        var known = DeadLetters.Exists(row => row.Letter.At == letter.At && row.Letter.Incarnation == letter.Incarnation && row.Letter.Offset == letter.Offset)
            || (letter.Poison.RowId is not null && DeadLetters.Exists(row => row.IsOpen && row.Letter.At == letter.At && row.Letter.Poison.Day == letter.Poison.Day
                && row.Letter.Poison.SourceEpoch == letter.Poison.SourceEpoch && row.Letter.Poison.RowId == letter.Poison.RowId
                && row.Letter.Poison.Reason == letter.Poison.Reason))
            || (letter.Poison is { RowId: { } id, SourceEpoch: { } epoch } && DeadLetters.Exists(row => row.State == LetterState.Discarded && row.Letter.At == letter.At
                && row.Letter.Poison.Day == letter.Poison.Day && IsOf(row, epoch, id)));
        if (!known) DeadLetters.Add(new DeadLetterRow(letter, LetterState.Open, null));
    }

    private static Totals Sum(Totals left, Totals right) =>
        new(left.Rows + right.Rows, unchecked(left.IdSum + right.IdSum), left.WatchSeconds + right.WatchSeconds);

    private static CellSum Sum(CellSum left, CellSum right) =>
        new(left.Units + right.Units, left.WatchSeconds + right.WatchSeconds, left.Late + right.Late);
}

internal readonly record struct SealRow(SourceTime Cutoff, Totals Marker, Totals Own);

/// <param name="Owed">Discarded, and the partition has to answer for it.</param>
internal sealed record DeadLetterRow(DeadLetter Letter, LetterState State, LetterRow? Owed)
{
    public bool IsOpen => State == LetterState.Open;
}

internal readonly record struct ProgressRow(long Epoch, long Commits, long NextOffset, int Incarnation);
