using StreamSettlement.Aggregator.Core;
using StreamSettlement.Aggregator.Sink;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Contracts;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests.Ports;

/// <summary>The rollups as an aggregator writes them.</summary>
internal sealed class RollupStorePort(SimulatedProcess process, Network network, SimulatedServer postgres, RollupTables tables, Mechanism without) : IRollupStore
{
    public Task PrepareAsync(CancellationToken cancel) => Task.CompletedTask;

    public Task<IReadOnlyDictionary<SourceStream, int>> RememberPartitionsAsync(IReadOnlyDictionary<SourceStream, int> partitions, CancellationToken cancel) =>
        network.CallAsync<IReadOnlyDictionary<SourceStream, int>>(process, postgres, "remembers the partitions", () =>
        {
            foreach (var (stream, count) in partitions) tables.PartitionCounts[stream] = count;
            return partitions;
        });

    public Task<Eligibility> RulesAsync(CancellationToken cancel) =>
        network.CallAsync(process, postgres, "reads the rules", () => new Eligibility(tables.Rules));

    public Task<IReadOnlyList<OwnedPartition>> TakeOverAsync(IReadOnlyList<AssignedPartition> assigned, CancellationToken cancel) =>
        network.CallAsync<IReadOnlyList<OwnedPartition>>(process, postgres, "takes over", () => [.. assigned.OrderBy(partition => partition.At).Select(TakeOver)]);

    public Task<IReadOnlyList<KeyValuePair<ClaimKey, byte[]>>> ClaimsAsync(IReadOnlyCollection<ClaimKey> keys, CancellationToken cancel)
    {
        var asked = keys.ToArray();
        return network.CallAsync<IReadOnlyList<KeyValuePair<ClaimKey, byte[]>>>(process, postgres, "reads claims", () =>
            [.. asked.Where(tables.Claims.ContainsKey).Select(key => KeyValuePair.Create(key, (byte[])tables.Claims[key].Clone()))]);
    }

    public Task<StoredLetter?> FindLetterAsync(long id, CancellationToken cancel) => network.CallAsync(process, postgres, "reads a letter", () => tables.FindLetter(id));

    public Task RedriveAsync(long id, string by, string reason, CancellationToken cancel) =>
        network.CallAsync(process, postgres, "redrives a letter", () => tables.Redrive(id));

    public Task<bool> DiscardAsync(long id, LetterRow? owed, string by, string reason, CancellationToken cancel) =>
        network.CallAsync(process, postgres, "discards a letter", () => tables.Discard(id, owed));

    public async Task<CommitOutcome> CommitAsync(Chunk chunk, CancellationToken cancel)
    {
        if (without != Mechanism.OneTransaction) return await network.CallAsync(process, postgres, "commits", () => Commit(chunk, tables.AddCounts));
        var outcome = await network.CallAsync(process, postgres, "commits half", () => Commit(chunk, _ => { }));
        if (outcome == CommitOutcome.Committed) await network.CallAsync(process, postgres, "commits the other half", () => tables.AddCounts(chunk));
        return outcome;
    }

    private OwnedPartition TakeOver(AssignedPartition assigned)
    {
        var at = assigned.At;
        var row = tables.Progress.TryGetValue(at, out var known) ? known with { Epoch = known.Epoch + 1, Commits = 0 } : new ProgressRow(1, 0, 0, 1);
        var start = StartPosition.Decide(row.NextOffset, assigned.Committed, assigned.First, assigned.End);
        if (start.Kind == StartKind.Recreated) row = row with { Incarnation = row.Incarnation + 1, NextOffset = assigned.First };
        tables.Progress[at] = row;
        var cutoffs = tables.Seals.Where(seal => seal.Key.At == at).GroupBy(seal => seal.Key.Day)
            .Select(day => KeyValuePair.Create(day.Key, day.Min(seal => seal.Value.Cutoff)));
        var letters = new KnownLetters();
        foreach (var poison in tables.DeadLetters.Where(letter => letter.State != LetterState.Redriven && letter.Letter.At == at).Select(letter => letter.Letter.Poison))
            if (poison is { RowId: { } id, SourceEpoch: { } epoch }) letters.Add(epoch, id);
        return new OwnedPartition(at, row.Epoch, row.Commits, row.Incarnation, row.NextOffset, start, cutoffs) { Letters = letters };
    }

    private CommitOutcome Commit(Chunk chunk, Action<Chunk> addCounts)
    {
        if (Refusal(chunk) is { } refused) return refused;
        tables.MoveProgress(chunk);
        if (without != Mechanism.Claim) tables.AddClaims(chunk);
        addCounts(chunk);
        return CommitOutcome.Committed;
    }

    private CommitOutcome? Refusal(Chunk chunk)
    {
        var (mine, doneBefore) = (0, 0);
        foreach (var move in chunk.Moves)
        {
            var row = tables.Progress[move.At];
            var isOurs = row.Epoch == move.Epoch;
            if (!isOurs && without != Mechanism.Epoch) return CommitOutcome.Fenced;
            if (!isOurs || row.Commits == move.Commits || without == Mechanism.CommitCounter) mine++;
            else if (row.Commits == move.Commits + 1) doneBefore++;
        }
        if (mine == chunk.Moves.Count) return null;
        if (doneBefore == chunk.Moves.Count) return CommitOutcome.CommittedBefore;
        throw new InvalidOperationException("rollup.progress was changed by hand while its epoch was held");
    }
}
