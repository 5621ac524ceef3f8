using NodaTime;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Aggregator.Sink;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;

namespace StreamSettlement.Aggregator;

/// <summary>
/// Takes what the log delivers, adds it up, commits chunk after chunk: while one chunk is being committed the next is being
/// added up, never more. Everything here happens one step after the other; nothing is shared with a chunk on its way.
/// </summary>
internal sealed class AggregatorLoop(
    ILog log, IRollupStore store, AggregatorOptions options, AggregatorTelemetry telemetry, Outages outages, Readiness readiness, TimeProvider time)
{
    private readonly Topics _topics = options.Topics;
    private readonly DateTimeZone _zone = DateTimeZoneProviders.Tzdb[options.BusinessZone];
    private readonly ClaimCache _claims = new((long)options.ClaimCacheMegabytes << 20);
    private readonly Dictionary<LogPartition, OwnedPartition> _owned = [];
    private Verdict[] _verdicts = [];
    private readonly HashSet<ClaimKey> _missing = [];
    private IReadOnlyDictionary<SourceStream, int> _partitions = new Dictionary<SourceStream, int>();
    private Eligibility _rules = new([]);
    private ChunkBuilder _builder = null!;
    private long _openedAt;
    private long _committed;
    private InFlight? _inFlight;
    private Task _announcing = Task.CompletedTask;

    private sealed record InFlight(Chunk Chunk, Task<CommitOutcome> Outcome);

    public async Task RunAsync(CancellationToken cancel)
    {
        _builder = new ChunkBuilder(_claims, ChunkLimits.Default);
        readiness.Expect("postgres");
        await PostgresAsync(store.PrepareAsync, cancel);
        _partitions = await log.PrepareAsync(cancel);
        foreach (var (stream, before) in await PostgresAsync(token => store.RememberPartitionsAsync(_partitions, token), cancel))
            if (before != _partitions[stream]) throw new PartitionCountChangedException(_topics.Of(stream), before, _partitions[stream]);
        _rules = await PostgresAsync(store.RulesAsync, cancel);
        await log.JoinAsync(cancel);
        try
        {
            while (true) await StepAsync(cancel);
        }
        finally
        {
            await log.CloseAsync();
        }
    }

    /// <summary>One event, or the end of a chunk, or both.</summary>
    internal async Task StepAsync(CancellationToken cancel)
    {
        if (_inFlight is { Outcome.IsCompleted: true }) await LandAsync();
        var happened = await log.NextAsync(Wait(), cancel);
        switch (happened)
        {
            case null when _inFlight is not null:
                await LandAsync();
                break;
            case Fetched fetched:
                await TakeAsync(fetched.Batch, cancel);
                break;
            case Assigned assigned:
                await TakeOverAsync(assigned.Partitions, cancel);
                break;
            case Revoked revoked:
                await GiveUpAsync(revoked, cancel);
                break;
            case Broken broken:
                throw new InvalidOperationException($"the Kafka client can't go on: {broken.Fault.Message}", broken.Fault);
        }
        if (!_builder.IsEmpty && _inFlight is null && Remaining() <= TimeSpan.Zero) Launch(cancel);
    }

    /// <summary>How long to wait for the log: while a commit is on its way only for what is there already.</summary>
    private TimeSpan Wait()
    {
        if (_builder.IsEmpty) return _inFlight is null ? Timeout.InfiniteTimeSpan : TimeSpan.Zero;
        var remaining = Remaining();
        return remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero;
    }

    private TimeSpan Remaining() => options.ChunkTime - time.GetElapsedTime(_openedAt);

    private async Task TakeAsync(LogBatch batch, CancellationToken cancel)
    {
        try
        {
            if (!_builder.HasRoomFor(batch.Count))
            {
                await LandAsync();
                if (!_builder.IsEmpty) Launch(cancel);
            }
            JudgeAll(batch);
            await LoadClaimsAsync(cancel);
            OwnedPartition? owned = null;
            for (var i = 0; i < batch.Count; i++)
            {
                if (owned?.At != batch.PartitionOf(i)) owned = _owned.GetValueOrDefault(batch.PartitionOf(i));
                // Not ours: fetched before the partition was taken from us.
                if (owned is null) continue;
                if (batch.OffsetOf(i) < owned.Position)
                {
                    // The client began anew at the earliest offset: the topic was made anew under us.
                    telemetry.OffsetsWentBack(owned.At, owned.Position, batch.OffsetOf(i));
                    Abandon();
                    return;
                }
                if (_builder.IsEmpty) _openedAt = time.GetTimestamp();
                _builder.Add(owned, batch.OffsetOf(i), _verdicts[i], _rules, batch[i]);
            }
            _claims.Shrink(_committed);
        }
        finally
        {
            log.Return(batch);
        }
    }

    /// <summary>What each record is, and which claim blocks the facts need that are not in memory.</summary>
    private void JudgeAll(LogBatch batch)
    {
        if (_verdicts.Length < batch.Count) Array.Resize(ref _verdicts, Math.Min(Math.Max(batch.Count, _verdicts.Length * 2), LogBatch.RecordsMax));
        var latest = LatestDay();
        OwnedPartition? owned = null;
        for (var i = 0; i < batch.Count; i++)
        {
            var at = batch.PartitionOf(i);
            // Claims of a partition that is not ours may change under us: none may get into the cache.
            if (owned?.At != at) owned = _owned.GetValueOrDefault(at);
            if (owned is null) continue;
            _verdicts[i] = Judge.Of(at, _partitions[at.Stream], batch[i], latest, _topics);
            if (!_verdicts[i].IsFact) continue;
            var key = ClaimKey.Of(at, _verdicts[i].Fact);
            if (!_claims.Contains(key)) _missing.Add(key);
        }
    }

    private async Task LoadClaimsAsync(CancellationToken cancel)
    {
        if (_missing.Count == 0) return;
        foreach (var (key, ids) in await PostgresAsync(token => store.ClaimsAsync(_missing, token), cancel))
        {
            _claims.Load(key, ClaimBlock.FromBytes(ids));
            _missing.Remove(key);
        }
        foreach (var key in _missing) _claims.Load(key, new ClaimBlock());
        _missing.Clear();
    }

    private void Launch(CancellationToken cancel)
    {
        var chunk = _builder.Finish();
        _inFlight = new InFlight(chunk, CommitAsync(chunk, cancel));
    }

    private async Task<CommitOutcome> CommitAsync(Chunk chunk, CancellationToken cancel)
    {
        var startedAt = time.GetTimestamp();
        // Before the commit: once the offset has moved nobody would produce them any more.
        var letters = chunk.DeadLetters.Where(letter => letter.ToTopic).ToList();
        if (letters.Count > 0)
        {
            telemetry.DeadLetters(letters.Count, letters[0]);
            await outages.RetryAsync("kafka", Transient.Kafka, async token => await log.DeadLetterAsync(letters, token), cancel);
        }
        var outcome = await PostgresAsync(token => store.CommitAsync(chunk, token), cancel);
        if (outcome == CommitOutcome.Fenced) return outcome;
        telemetry.Committed(chunk, time.GetElapsedTime(startedAt));
        foreach (var day in chunk.Seals.GroupBy(seal => seal.Marker.Day))
        {
            var detail = string.Join(", ", day.Select(seal => $"{seal.At} attempt {seal.Marker.Attempt}"));
            telemetry.Sealed(day.Key, detail);
            // Not awaited: while no broker answers each takes ten seconds, and counting goes on without it.
            _announcing = AnnounceAsync(_announcing, new ControlEvent(EventKind.DaySealed, day.Key, "aggregator", detail), cancel);
        }
        return outcome;
    }

    private async Task AnnounceAsync(Task before, ControlEvent happened, CancellationToken cancel)
    {
        await before;
        await log.AnnounceAsync(happened, cancel);
    }

    /// <summary>Waits for the commit on its way, if there is one.</summary>
    private async Task LandAsync()
    {
        if (_inFlight is not { } flying) return;
        var outcome = await flying.Outcome;
        _inFlight = null;
        if (_announcing.IsFaulted) await _announcing;
        if (outcome == CommitOutcome.Fenced)
        {
            telemetry.Fenced();
            Abandon();
            return;
        }
        _committed = flying.Chunk.Number;
        log.Store(flying.Chunk.Moves.Select(move => KeyValuePair.Create(move.At, move.NextOffset)));
    }

    private async Task TakeOverAsync(IReadOnlyList<AssignedPartition> assigned, CancellationToken cancel)
    {
        await LandAsync();
        foreach (var partition in assigned)
        {
            var known = _partitions[partition.At.Stream];
            if (partition.At.Partition >= known)
            {
                throw new PartitionCountChangedException(_topics.Of(partition.At.Stream), known, partition.At.Partition + 1);
            }
        }
        _rules = await PostgresAsync(store.RulesAsync, cancel);
        var owned = await PostgresAsync(token => store.TakeOverAsync(assigned, token), cancel);
        telemetry.TookOver(owned);
        foreach (var partition in owned)
        {
            _owned[partition.At] = partition;
            telemetry.Owns(partition.At, partition.NextByRollups);
            telemetry.Started(partition, assigned.First(seen => seen.At == partition.At).Committed);
        }
        log.Start(owned.ToDictionary(partition => partition.At, partition => partition.Start.Offset));
    }

    private async Task GiveUpAsync(Revoked revoked, CancellationToken cancel)
    {
        await LandAsync();
        if (revoked.Lost)
        {
            // Of lost partitions nothing can be committed, and a chunk is one transaction.
            if (revoked.Partitions.Any(_owned.ContainsKey)) Abandon();
        }
        else if (!_builder.IsEmpty)
        {
            Launch(cancel);
            await LandAsync();
        }
        foreach (var at in revoked.Partitions)
        {
            if (_owned.Remove(at)) _claims.Forget(at);
            telemetry.Disowns(at);
        }
        telemetry.GaveUp(string.Join(", ", revoked.Partitions), revoked.Lost);
        log.Release();
    }

    /// <summary>Forgets everything that is not committed, and all that was known of the partitions; takes them over anew.</summary>
    private void Abandon()
    {
        _builder.Clear();
        _claims.Clear();
        foreach (var at in _owned.Keys) telemetry.Disowns(at);
        _owned.Clear();
        log.Rejoin();
    }

    private BusinessDay LatestDay()
    {
        var today = Instant.FromDateTimeOffset(time.GetUtcNow()).InZone(_zone).Date;
        return BusinessDay.Of(today.Year, today.Month, today.Day).AddDays(options.FutureDays);
    }

    private async Task PostgresAsync(Func<CancellationToken, Task> work, CancellationToken cancel) =>
        await outages.RetryAsync("postgres", Transient.Postgres, async token => await work(token), cancel);

    private async Task<T> PostgresAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancel) =>
        await outages.RetryAsync("postgres", Transient.Postgres, async token => await work(token), cancel);
}
