using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator;

/// <summary>What the service tells about itself: meters <c>settlement_aggregator_*</c> and log messages 2xx.</summary>
internal sealed partial class AggregatorTelemetry : IDisposable
{
    private readonly Meter _meter = new("StreamSettlement.Aggregator");
    private readonly ILogger<AggregatorTelemetry> _log;
    private readonly TimeProvider _time;
    private readonly Counter<long> _consumed;
    private readonly Counter<long> _counted;
    private readonly Counter<long> _duplicate;
    private readonly Counter<long> _excluded;
    private readonly Counter<long> _unfinished;
    private readonly Counter<long> _deadLetters;
    private readonly Counter<long> _decisions;
    private readonly Counter<long> _seals;
    private readonly Counter<long> _fenced;
    private readonly Histogram<double> _chunkRows;
    private readonly Histogram<double> _commitSeconds;
    private readonly Histogram<double> _rowAge;
    private readonly ConcurrentDictionary<LogPartition, (long Next, long End)> _positions = new();
    private readonly Lock _gate = new();
    private SourceTime? _newest;
    private double _firstCommit;
    private double _lastCommit;

    public AggregatorTelemetry(TimeProvider time, ILogger<AggregatorTelemetry> log)
    {
        (_time, _log) = (time, log);
        _consumed = _meter.CreateCounter<long>("settlement_aggregator_rows_consumed_total", description: "Records committed, of every kind.");
        _counted = _meter.CreateCounter<long>("settlement_aggregator_rows_counted_total", description: "Rows counted into the rollups.");
        _duplicate = _meter.CreateCounter<long>("settlement_aggregator_rows_duplicate_total", description: "Rows delivered again and not counted again.");
        _excluded = _meter.CreateCounter<long>("settlement_aggregator_rows_excluded_total", description: "Rows excluded by the eligibility rule.");
        _unfinished = _meter.CreateCounter<long>("settlement_aggregator_rows_unfinished_total", description: "Rows that were not COMPLETED yet.");
        _deadLetters = _meter.CreateCounter<long>("settlement_aggregator_dead_letters_total", description: "Records that can't be counted, by reason.");
        _decisions = _meter.CreateCounter<long>("settlement_aggregator_dead_letter_decisions_total", description: "Dead letters redriven or discarded, by command.");
        _seals = _meter.CreateCounter<long>("settlement_aggregator_seals_total", description: "Day markers sealed.");
        _fenced = _meter.CreateCounter<long>("settlement_aggregator_fenced_total", description: "Chunks rolled back because another consumer had taken over.");
        _chunkRows = _meter.CreateHistogram<double>("settlement_aggregator_chunk_rows", description: "Records of a chunk.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [10, 100, 1_000, 10_000, 50_000, 100_000, 250_000] });
        _commitSeconds = _meter.CreateHistogram<double>("settlement_aggregator_commit_seconds", description: "Time of a chunk's transaction, retries included.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] });
        _rowAge = _meter.CreateHistogram<double>("settlement_aggregator_row_age_seconds",
            description: "From updated_at to visible in the rollups, of one row in 64.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [1, 2, 3, 4, 5, 5.5, 6, 6.5, 7, 8, 10, 15, 30, 60, 300, 3_600] });
        _meter.CreateObservableGauge("settlement_aggregator_partitions_assigned", () => _positions.Count, description: "Partitions this process owns.");
        _meter.CreateObservableGauge("settlement_aggregator_lag_rows", Lags, description: "Records in the log that are not in the rollups yet.");
        _meter.CreateObservableGauge("settlement_aggregator_freshness_seconds", Freshness, description: "Age of the newest row that was counted.");
        _meter.CreateObservableGauge("settlement_aggregator_first_commit_time_seconds", () => Seen(ref _firstCommit), description: "First commit with records, since the epoch.");
        _meter.CreateObservableGauge("settlement_aggregator_last_commit_time_seconds", () => Seen(ref _lastCommit), description: "Last commit with records, since the epoch.");
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>A partition is owned from now on.</summary>
    public void Owns(LogPartition at, long next) => _positions[at] = (next, Math.Max(next, _positions.GetValueOrDefault(at).End));

    public void Disowns(LogPartition at) => _positions.TryRemove(at, out _);

    /// <summary>Where the log ends, as the client last heard.</summary>
    public void LogEnds(LogPartition at, long end)
    {
        if (_positions.TryGetValue(at, out var position)) _positions.TryUpdate(at, (position.Next, end), position);
    }

    public void Committed(Chunk chunk, TimeSpan took)
    {
        var now = _time.GetUtcNow();
        foreach (var stream in SourceStreams.All) Count(chunk.Counts, stream);
        foreach (var letter in chunk.DeadLetters)
        {
            _deadLetters.Add(1, Label(letter.At.Stream), new("reason", letter.Poison.Reason.Name()));
        }
        foreach (var seal in chunk.Seals) _seals.Add(1, Label(seal.At.Stream));
        foreach (var move in chunk.Moves)
        {
            if (_positions.TryGetValue(move.At, out var position)) _positions[move.At] = (Math.Max(position.Next, move.NextOffset), position.End);
        }
        _chunkRows.Record(chunk.Counts.Rows);
        _commitSeconds.Record(took.TotalSeconds);
        var visible = SourceTime.FromUtc(now.UtcDateTime);
        foreach (var updated in chunk.SampledUpdates) _rowAge.Record((visible - updated).TotalSeconds);
        lock (_gate)
        {
            if (chunk.NewestUpdate is { } newest && (_newest is null || newest > _newest)) _newest = newest;
            _lastCommit = now.ToUnixTimeMilliseconds() / 1e3;
            if (_firstCommit == 0) _firstCommit = _lastCommit;
        }
    }

    public void Fenced()
    {
        _fenced.Add(1);
        LogFenced(_log);
    }

    public void TookOver(IReadOnlyList<OwnedPartition> owned) =>
        LogTookOver(_log, owned.Count, string.Join(", ", owned.Select(partition => $"{partition.At} from {partition.Start.Offset}")));

    /// <summary>Says what is not as usual about where reading starts.</summary>
    public void Started(OwnedPartition owned, long? committed)
    {
        switch (owned.Start.Kind)
        {
            case StartKind.ReadAgain:
                LogReadAgain(_log, owned.At, owned.Start.Offset, owned.NextByRollups);
                break;
            case StartKind.AheadRefused:
                LogAheadRefused(_log, owned.At, committed ?? owned.Start.Offset, owned.Start.Offset);
                break;
            case StartKind.Recreated:
                LogRecreated(_log, owned.At, owned.Start.Offset, owned.Incarnation);
                break;
            case StartKind.RecordsMissing:
                LogRecordsMissing(_log, owned.At, owned.NextByRollups, owned.Start.Offset);
                break;
            case StartKind.Continue:
                break;
        }
    }

    private void Count(ChunkCounts counts, SourceStream stream)
    {
        var (i, label) = ((int)stream, Label(stream));
        _consumed.Add(counts.Consumed[i], label);
        _counted.Add(counts.Counted[i], label);
        _duplicate.Add(counts.Duplicate[i], label);
        _excluded.Add(counts.Excluded[i], label);
        _unfinished.Add(counts.Unfinished[i], label);
    }

    private IEnumerable<Measurement<long>> Lags() => _positions.Select(entry => new Measurement<long>(
        Math.Max(0, entry.Value.End - entry.Value.Next), Label(entry.Key.Stream), new("partition", entry.Key.Partition)));

    private IEnumerable<Measurement<double>> Freshness()
    {
        lock (_gate)
        {
            return _newest is { } newest ? [new((SourceTime.FromUtc(_time.GetUtcNow().UtcDateTime) - newest).TotalSeconds)] : [];
        }
    }

    private IEnumerable<Measurement<double>> Seen(ref double seconds)
    {
        lock (_gate) return seconds == 0 ? [] : [new(seconds)];
    }

    private static KeyValuePair<string, object?> Label(SourceStream stream) => new("stream", stream.Name());

    public void WaitingForTopics(string missing) => LogWaitingForTopics(_log, missing);

    public void Joined(string group, string partitions) => LogJoined(_log, group, partitions);

    public void GaveUp(string partitions, bool lost) => LogGaveUp(_log, partitions, lost ? "lost" : "handed over");

    public void Sealed(BusinessDay day, string detail) => LogSealed(_log, day, detail);

    public void DeadLetters(int count, DeadLetter first) =>
        LogDeadLetters(_log, count, first.At, first.Offset, first.Poison.Reason.Name(), first.Poison.Detail);

    public void NotAnnounced(EventKind what, BusinessDay day, string reason) => LogNotAnnounced(_log, what, day, reason);

    public void Decided(CommandKind command, string by, string detail)
    {
        _decisions.Add(1, new KeyValuePair<string, object?>("command", command.ToString()));
        LogDecided(_log, command, by, detail);
    }

    public void CommandRefused(CommandKind command, string by, string reason) => LogCommandRefused(_log, command, by, reason);

    public void EndedSessions(long sessions) => LogEndedSessions(_log, sessions);

    public void OffsetsWentBack(LogPartition at, long expected, long found) => LogOffsetsWentBack(_log, at, expected, found);

    public void ClientSays(string reason) => LogClientSays(_log, reason);

    [LoggerMessage(201, LogLevel.Information, "waiting for {Missing}: ingest creates the data topics")]
    private static partial void LogWaitingForTopics(ILogger log, string missing);

    [LoggerMessage(202, LogLevel.Information, "joining group {Group}; partitions: {Partitions}")]
    private static partial void LogJoined(ILogger log, string group, string partitions);

    [LoggerMessage(203, LogLevel.Information, "{Count} partitions are ours: {Partitions}")]
    private static partial void LogTookOver(ILogger log, int count, string partitions);

    [LoggerMessage(204, LogLevel.Information, "{At}: the group's offset was set back, reading again from {Offset} what is counted up to {Next}")]
    private static partial void LogReadAgain(ILogger log, LogPartition at, long offset, long next);

    [LoggerMessage(205, LogLevel.Warning,
        "{At}: the group's offset {Committed} is ahead of the rollups and was refused, reading on from {Next}: nothing is skipped")]
    private static partial void LogAheadRefused(ILogger log, LogPartition at, long committed, long next);

    [LoggerMessage(206, LogLevel.Warning, "{At}: the log ends before the rollups do, or the group has lost its offset with the topic, which was made anew: reading from {Offset} as incarnation {Incarnation}")]
    private static partial void LogRecreated(ILogger log, LogPartition at, long offset, int incarnation);

    [LoggerMessage(207, LogLevel.Error,
        "{At}: records {Next} to {First} were deleted before they were read (retention?): days with rows in them will not balance until they are repaired")]
    private static partial void LogRecordsMissing(ILogger log, LogPartition at, long next, long first);

    [LoggerMessage(208, LogLevel.Information, "partitions {Partitions} {How}")]
    private static partial void LogGaveUp(ILogger log, string partitions, string how);

    [LoggerMessage(209, LogLevel.Warning, "another consumer took partitions over: the chunk was rolled back, joining the group anew")]
    private static partial void LogFenced(ILogger log);

    [LoggerMessage(210, LogLevel.Information, "{Day} sealed: {Detail}")]
    private static partial void LogSealed(ILogger log, BusinessDay day, string detail);

    [LoggerMessage(211, LogLevel.Warning, "{Count} dead letters; the first is {At}@{Offset}, {Reason}: {Detail}")]
    private static partial void LogDeadLetters(ILogger log, int count, LogPartition at, long offset, string reason, string detail);

    [LoggerMessage(212, LogLevel.Warning, "{What} of {Day} could not be announced, whoever needs it finds it in the tables: {Reason}")]
    private static partial void LogNotAnnounced(ILogger log, EventKind what, BusinessDay day, string reason);

    [LoggerMessage(213, LogLevel.Warning, "{At}: offsets went back from {Expected} to {Found}: taking the partition over anew")]
    private static partial void LogOffsetsWentBack(ILogger log, LogPartition at, long expected, long found);

    [LoggerMessage(214, LogLevel.Warning, "kafka client: {Reason}")]
    private static partial void LogClientSays(ILogger log, string reason);

    [LoggerMessage(215, LogLevel.Information, "{Command} by {By}: {Detail}")]
    private static partial void LogDecided(ILogger log, CommandKind command, string by, string detail);

    [LoggerMessage(216, LogLevel.Warning, "{Command} by {By} is refused: {Reason}")]
    private static partial void LogCommandRefused(ILogger log, CommandKind command, string by, string reason);

    [LoggerMessage(217, LogLevel.Warning, "{Sessions} sessions of former owners were ended: they held rows of partitions that are ours now in transactions that can't commit any more")]
    private static partial void LogEndedSessions(ILogger log, long sessions);
}
