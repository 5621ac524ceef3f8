using Npgsql;
using NpgsqlTypes;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;

namespace StreamSettlement.Aggregator.Sink;

/// <summary>Schema <c>rollup</c> in PostgreSQL.</summary>
/// <param name="owner">Name of this process in <c>progress.owner</c>, for people.</param>
internal sealed class RollupStore(NpgsqlDataSource postgres, string owner, TimeProvider time) : IRollupStore
{
    /// <summary>The generation that the live consumer writes.</summary>
    public const int Generation = 1;

    /// <summary>By which an aggregator's sessions are known, to people and to their heirs.</summary>
    public const string ApplicationName = "settlement-aggregator";

    // A server under load must not be given up on: the same chunk would only be sent again.
    private static readonly TimeSpan CommitTimeout = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long a takeover waits for a transaction that a former owner has begun, before it ends that session: it can't commit any more, and one
    /// that was halted in its middle would hold the partitions' rows for hours. Default 5 s.
    /// </summary>
    public TimeSpan FormerOwnerPatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Hears how many sessions of former owners were ended.</summary>
    public Action<long> SessionsEnded { get; init; } = _ => { };

    public Task PrepareAsync(CancellationToken cancel) =>
        PostgresSchema.MigrateAsync(postgres, "rollup", typeof(RollupStore).Assembly, cancel);

    public async Task<IReadOnlyDictionary<SourceStream, int>> RememberPartitionsAsync(
        IReadOnlyDictionary<SourceStream, int> partitions, CancellationToken cancel)
    {
        var remembered = new Dictionary<SourceStream, int>();
        foreach (var (stream, count) in partitions)
        {
            await using var command = postgres.CreateCommand("""
                with new as (
                  insert into rollup.partition_count (stream, partitions) values ($1, $2) on conflict do nothing returning partitions)
                select partitions from new union all select partitions from rollup.partition_count where stream = $1 limit 1
                """);
            command.Parameters.Add(new() { Value = stream.Name() });
            command.Parameters.Add(new() { Value = count });
            remembered[stream] = (int?)await command.ExecuteScalarAsync(cancel) ?? count;
        }
        return remembered;
    }

    public async Task<Eligibility> RulesAsync(CancellationToken cancel)
    {
        var rules = new List<EligibilityRule>();
        await using var command = postgres.CreateCommand("select version, minimum_watch_seconds, effective_from from rollup.eligibility_rule");
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            rules.Add(new EligibilityRule(reader.GetInt32(0), reader.GetInt32(1), new BusinessDay(reader.GetFieldValue<DateOnly>(2))));
        }
        return new Eligibility(rules);
    }

    public async Task<IReadOnlyList<OwnedPartition>> TakeOverAsync(IReadOnlyList<AssignedPartition> assigned, CancellationToken cancel)
    {
        var found = assigned.ToDictionary(partition => partition.At);
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var rows = await RaiseEpochsAsync(connection, [.. found.Keys.Order()], cancel);
        var cutoffs = await CutoffsAsync(connection, [.. found.Keys], cancel);
        var letters = await LetterSql.KnownAsync(connection, Generation, [.. found.Keys], cancel);
        var owned = new List<OwnedPartition>(rows.Count);
        foreach (var row in rows)
        {
            var seen = found[row.At];
            var start = StartPosition.Decide(row.NextOffset, seen.Committed, seen.First, seen.End);
            var (incarnation, next) = (row.Incarnation, row.NextOffset);
            if (start.Kind == StartKind.Recreated)
            {
                (incarnation, next) = (row.Incarnation + 1, seen.First);
                await BeginIncarnationAsync(connection, row.At, incarnation, next, cancel);
            }
            owned.Add(new OwnedPartition(row.At, row.Epoch, row.Commits, incarnation, next, start, cutoffs[row.At])
            {
                Letters = letters.GetValueOrDefault(row.At) ?? new KnownLetters(),
            });
        }
        await transaction.CommitAsync(cancel);
        return owned;
    }

    public async Task<IReadOnlyList<KeyValuePair<ClaimKey, byte[]>>> ClaimsAsync(IReadOnlyCollection<ClaimKey> keys, CancellationToken cancel)
    {
        var asked = keys.ToArray();
        await using var command = postgres.CreateCommand("""
            select k.ord, c.ids
            from unnest($2::text[], $3::int[], $4::date[], $5::int[], $6::bigint[]) with ordinality
              as k (stream, partition, log_date, source_epoch, block, ord)
            join rollup.claim c on c.generation = $1 and c.stream = k.stream and c.partition = k.partition and c.log_date = k.log_date
              and c.source_epoch = k.source_epoch and c.block = k.block
            """);
        command.Parameters.Add(new() { Value = Generation });
        command.Parameters.Add(new() { Value = Array.ConvertAll(asked, key => key.At.Stream.Name()) });
        command.Parameters.Add(new() { Value = Array.ConvertAll(asked, key => key.At.Partition) });
        command.Parameters.Add(new() { Value = Array.ConvertAll(asked, key => key.Day.Date) });
        command.Parameters.Add(new() { Value = Array.ConvertAll(asked, key => key.SourceEpoch) });
        command.Parameters.Add(new() { Value = Array.ConvertAll(asked, key => key.Block) });
        var claims = new List<KeyValuePair<ClaimKey, byte[]>>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel)) claims.Add(new(asked[reader.GetInt64(0) - 1], reader.GetFieldValue<byte[]>(1)));
        return claims;
    }

    public Task<StoredLetter?> FindLetterAsync(long id, CancellationToken cancel) => LetterSql.FindAsync(postgres, id, cancel);

    public Task RedriveAsync(long id, string by, string reason, CancellationToken cancel) => LetterSql.RedriveAsync(postgres, id, by, reason, cancel);

    public Task<bool> DiscardAsync(long id, LetterRow? owed, string by, string reason, CancellationToken cancel) =>
        LetterSql.DiscardAsync(postgres, id, owed, by, reason, cancel);

    public async Task<CommitOutcome> CommitAsync(Chunk chunk, CancellationToken cancel)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var refused = await CheckEpochsAsync(connection, chunk, cancel);
        if (refused is { } outcome) return outcome;
        await using (var batch = new NpgsqlBatch(connection, transaction) { Timeout = (int)CommitTimeout.TotalSeconds })
        {
            ChunkSql.AddTo(batch, chunk, Generation);
            await batch.ExecuteNonQueryAsync(cancel);
        }
        await transaction.CommitAsync(cancel);
        return CommitOutcome.Committed;
    }

    /// <summary>Locks the chunk's progress rows, in key order, and compares epoch and number of commits.</summary>
    private static async Task<CommitOutcome?> CheckEpochsAsync(NpgsqlConnection connection, Chunk chunk, CancellationToken cancel)
    {
        var expected = chunk.Moves.ToDictionary(move => move.At);
        await using var command = new NpgsqlCommand("""
            select p.stream, p.partition, p.epoch, p.commits
            from rollup.progress p join unnest($2::text[], $3::int[]) as m (stream, partition) using (stream, partition)
            where p.generation = $1
            order by p.stream, p.partition
            for update of p
            """, connection);
        AddPartitions(command, Generation, [.. expected.Keys]);
        var (mine, doneBefore) = (0, 0);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            var move = expected[ReadPartition(reader)];
            if (reader.GetInt64(2) != move.Epoch) return CommitOutcome.Fenced;
            if (reader.GetInt64(3) == move.Commits) mine++;
            else if (reader.GetInt64(3) == move.Commits + 1) doneBefore++;
        }
        if (mine == expected.Count) return null;
        if (doneBefore == expected.Count) return CommitOutcome.CommittedBefore;
        throw new InvalidOperationException(
            $"rollup.progress of {string.Join(", ", expected.Keys)} was changed by hand while its epoch was held: start the service again");
    }

    private async Task<List<ProgressRow>> RaiseEpochsAsync(NpgsqlConnection connection, LogPartition[] partitions, CancellationToken cancel)
    {
        var raising = RaiseAsync(connection, partitions, cancel);
        try
        {
            while (await Task.WhenAny(raising, Task.Delay(FormerOwnerPatience, time, cancel)) != raising) await EndBlockersAsync(connection.ProcessID, cancel);
        }
        finally
        {
            // The connection takes nothing else before; why it failed is thrown below.
            await Task.WhenAny(raising);
        }
        return await raising;
    }

    /// <summary>
    /// Ends the aggregators' sessions whose locks <paramref name="waiting"/> waits for; PostgreSQL lets a role end its own. Anybody else, who
    /// maintains a table perhaps, is waited for.
    /// </summary>
    private async Task EndBlockersAsync(int waiting, CancellationToken cancel)
    {
        await using var command = postgres.CreateCommand("""
            select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity
            where pid = any (pg_blocking_pids($1)) and usename = current_user and application_name = $2
            """);
        command.Parameters.Add(new() { Value = waiting });
        command.Parameters.Add(new() { Value = ApplicationName });
        if ((long)(await command.ExecuteScalarAsync(cancel))! is > 0 and var ended) SessionsEnded(ended);
    }

    private async Task<List<ProgressRow>> RaiseAsync(NpgsqlConnection connection, LogPartition[] partitions, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            insert into rollup.progress as p (generation, stream, partition, epoch, next_offset, owner)
            select $1, m.stream, m.partition, 1, 0, $4
            from unnest($2::text[], $3::int[]) with ordinality as m (stream, partition, ord) order by m.ord
            on conflict (generation, stream, partition)
              do update set epoch = p.epoch + 1, commits = 0, owner = excluded.owner, updated_at = now()
            returning p.stream, p.partition, p.epoch, p.commits, p.next_offset, p.incarnation
            """, connection);
        AddPartitions(command, Generation, partitions);
        command.Parameters.Add(new() { Value = owner });
        var rows = new List<ProgressRow>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            rows.Add(new(ReadPartition(reader), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4), reader.GetInt32(5)));
        }
        return rows;
    }

    private static async Task<ILookup<LogPartition, KeyValuePair<BusinessDay, SourceTime>>> CutoffsAsync(
        NpgsqlConnection connection, LogPartition[] partitions, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            select s.stream, s.partition, s.log_date, min(s.cutoff)
            from rollup.seal s join unnest($2::text[], $3::int[]) as m (stream, partition) using (stream, partition)
            where s.generation = $1
            group by s.stream, s.partition, s.log_date
            """, connection);
        AddPartitions(command, Generation, partitions);
        var cutoffs = new List<(LogPartition At, BusinessDay Day, SourceTime Cutoff)>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            cutoffs.Add((ReadPartition(reader), new BusinessDay(reader.GetFieldValue<DateOnly>(2)), SourceTime.FromUtc(reader.GetDateTime(3))));
        }
        return cutoffs.ToLookup(row => row.At, row => KeyValuePair.Create(row.Day, row.Cutoff));
    }

    private static async Task BeginIncarnationAsync(
        NpgsqlConnection connection, LogPartition at, int incarnation, long next, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            "update rollup.progress set incarnation = $4, next_offset = $5 where generation = $1 and stream = $2 and partition = $3", connection);
        command.Parameters.Add(new() { Value = Generation });
        command.Parameters.Add(new() { Value = at.Stream.Name() });
        command.Parameters.Add(new() { Value = at.Partition });
        command.Parameters.Add(new() { Value = incarnation });
        command.Parameters.Add(new() { Value = next });
        await command.ExecuteNonQueryAsync(cancel);
    }

    internal static void AddPartitions(NpgsqlCommand command, int generation, LogPartition[] partitions)
    {
        command.Parameters.Add(new() { Value = generation });
        command.Parameters.Add(new() { Value = Array.ConvertAll(partitions, at => at.Stream.Name()), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = Array.ConvertAll(partitions, at => at.Partition) });
    }

    internal static LogPartition ReadPartition(NpgsqlDataReader reader) =>
        SourceStreams.TryParse(reader.GetString(0), out var stream)
            ? new LogPartition(stream, reader.GetInt32(1))
            : throw new FormatException($"'{reader.GetString(0)}' is no stream: expected view-logs or ad-views");

    private sealed record ProgressRow(LogPartition At, long Epoch, long Commits, long NextOffset, int Incarnation);
}
