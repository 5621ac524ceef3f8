using Npgsql;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Aggregator.Sink;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Bench;

/// <summary>How several writers add the same rows to the same day.</summary>
public enum WriteWay
{
    /// <summary>What the nightly batch did: an upsert for each row as it came, some hundred to a transaction. A deadlock is tried again.</summary>
    RowByRow,

    /// <summary>What the aggregator does: rows added up in memory, one statement for each table, in key order.</summary>
    Chunks,
}

/// <param name="Partitions">Parts that the contents fall into; a writer keeps to its own, or to several where there are fewer writers.</param>
/// <param name="Shared">Whether the writers of one part write the same contents of it, or each its own.</param>
public sealed record Crowd(int Partitions, int Writers, bool Shared);

/// <param name="Rows">Of transactions that committed.</param>
/// <param name="Deadlocks">Transactions that PostgreSQL ended with SQLSTATE 40P01.</param>
/// <param name="Views">What lies in the table afterwards: equal to the rows, or some were lost or doubled.</param>
public sealed record CrowdResult(WriteWay Way, Crowd Crowd, long Rows, double Seconds, int Deadlocks, long Views)
{
    public double RowsPerSecond => Rows / Seconds;
}

/// <summary>Writers that compete for rows, in PostgreSQL with its own settings (a deadlock is found after a second).</summary>
public class ConcurrencyRace : Race
{
    private static readonly BusinessDay Day = BusinessDay.Of(2026, 3, 15);

    private PostgresServer _server = null!;
    private PostgresDatabase _database = null!;
    private NpgsqlDataSource _source = null!;

    /// <summary>Of a run: a transaction that has begun when it is over is still ended, one that deadlocked is not tried again.</summary>
    public TimeSpan Time { get; set; } = TimeSpan.FromSeconds(2);

    public int RowsPerTransaction { get; set; } = 100;

    /// <summary>A tenth of them gets a third of the views.</summary>
    public int Contents { get; set; } = 20_000;

    protected override async Task PrepareAsync()
    {
        _server = Keep(await PostgresServer.StartAsync(State, TimeProvider.System, default));
        await _server.ExecuteAsync("drop database if exists race_crowd with (force)");
        _database = Keep(await _server.DatabaseAsync("race_crowd"));
        _source = Keep(NpgsqlDataSource.Create(_database.ConnectionString));
        await new RollupStore(_source, "race", TimeProvider.System).PrepareAsync(default);
        await _database.ExecuteAsync("create table content_stat (log_date date, content_id bigint, views bigint, watch_seconds bigint, primary key (log_date, content_id))");
    }

    public async Task<CrowdResult> RunAsync(WriteWay way, Crowd crowd)
    {
        await _database.ExecuteAsync("truncate content_stat, rollup.content_day, rollup.claim, rollup.partition_day, rollup.progress");
        // Connections are opened before the clock runs.
        var opened = await Task.WhenAll(Enumerable.Range(0, crowd.Writers).Select(_ => _source.OpenConnectionAsync().AsTask()));
        foreach (var connection in opened) await connection.DisposeAsync();
        var began = TimeProvider.System.GetTimestamp();
        bool GoesOn() => TimeProvider.System.GetElapsedTime(began) < Time;
        var written = await Task.WhenAll(Enumerable.Range(0, crowd.Writers).Select(writer => Task.Run(() =>
            way == WriteWay.RowByRow ? RowByRowAsync(crowd, writer, GoesOn) : ChunksAsync(crowd, writer, GoesOn))));
        var seconds = TimeProvider.System.GetElapsedTime(began).TotalSeconds;
        var views = await _database.ScalarAsync($"select sum(views)::bigint from {(way == WriteWay.RowByRow ? "content_stat" : "rollup.content_day")}");
        return new CrowdResult(way, crowd, written.Sum(writer => writer.Rows), seconds, written.Sum(writer => writer.Deadlocks), (long?)views ?? 0);
    }

    /// <summary>A writer's rows in the order in which they come: any.</summary>
    private IEnumerable<(long Id, long Content)[]> TransactionsOf(Crowd crowd, int writer)
    {
        var random = new Random(writer + 1);
        var inPart = (crowd.Writers + crowd.Partitions - 1) / crowd.Partitions;
        var own = Enumerable.Range(0, Contents).Where(content =>
            PartOf(crowd, writer, content % crowd.Partitions) && (crowd.Shared || content / crowd.Partitions % inPart == writer / crowd.Partitions)).ToArray();
        for (var id = 1L + writer; ;)
        {
            var rows = new (long Id, long Content)[RowsPerTransaction];
            for (var row = 0; row < rows.Length; row++, id += crowd.Writers)
                rows[row] = (id, 1 + own[(int)(own.Length * Math.Pow(random.NextDouble(), 2))]);
            yield return rows;
        }
    }

    private static bool PartOf(Crowd crowd, int writer, int partition) =>
        crowd.Writers <= crowd.Partitions ? partition % crowd.Writers == writer : partition == writer % crowd.Partitions;

    private async Task<(long Rows, int Deadlocks)> RowByRowAsync(Crowd crowd, int writer, Func<bool> goesOn)
    {
        var (written, deadlocks) = (0L, 0);
        await using var connection = await _source.OpenConnectionAsync();
        await using var upsert = new NpgsqlCommand("""
            insert into content_stat as d values ($1, $2, 1, 60)
            on conflict (log_date, content_id) do update set views = d.views + 1, watch_seconds = d.watch_seconds + 60
            """, connection);
        upsert.Parameters.Add(new NpgsqlParameter { Value = Day.Date });
        upsert.Parameters.Add(new NpgsqlParameter { Value = 0L });
        await upsert.PrepareAsync();
        foreach (var rows in TransactionsOf(crowd, writer).TakeWhile(_ => goesOn()))
        {
            var committed = false;
            while (!committed && goesOn())
            {
                committed = await TryAsync(rows);
                if (committed) written += rows.Length;
                else deadlocks++;
            }
        }
        return (written, deadlocks);

        async Task<bool> TryAsync((long Id, long Content)[] part)
        {
            await using var transaction = await connection.BeginTransactionAsync();
            try
            {
                foreach (var (_, content) in part)
                {
                    upsert.Parameters[1].Value = content;
                    await upsert.ExecuteNonQueryAsync();
                }
                await transaction.CommitAsync();
                return true;
            }
            catch (PostgresException deadlock) when (deadlock.SqlState == PostgresErrorCodes.DeadlockDetected)
            {
                return false;
            }
        }
    }

    private async Task<(long Rows, int Deadlocks)> ChunksAsync(Crowd crowd, int writer, Func<bool> goesOn)
    {
        var written = 0L;
        var store = new RollupStore(_source, $"writer {writer}", TimeProvider.System);
        var claims = new ClaimCache(48L << 20);
        var builder = new ChunkBuilder(claims, ChunkLimits.Default);
        // More writers than partitions there are not in a group: here each has one of its own, and only the order of keys protects them.
        var crowded = crowd.Writers > crowd.Partitions;
        var parts = crowded ? [writer] : Enumerable.Range(0, crowd.Partitions).Where(part => PartOf(crowd, writer, part)).ToArray();
        var owned = (await store.TakeOverAsync([.. parts.Select(part => new AssignedPartition(At(part), null, 0, 0))], default)).ToDictionary(part => part.At.Partition);
        var rules = await store.RulesAsync(default);
        foreach (var rows in TransactionsOf(crowd, writer).TakeWhile(_ => goesOn()))
        {
            foreach (var (id, content) in rows)
            {
                var partition = owned[crowded ? writer : (int)((content - 1) % crowd.Partitions)];
                var fact = new Fact(id, 1, Day, new ContentId(content), new CreatorId(1 + (content % 100)), default, 60, new SourceTime(1));
                var key = ClaimKey.Of(partition.At, fact);
                if (!claims.Contains(key)) claims.Load(key, new ClaimBlock());
                builder.Add(partition, partition.Position, Verdict.Of(fact), rules, default);
            }
            try
            {
                var outcome = await store.CommitAsync(builder.Finish(), default);
                if (outcome != CommitOutcome.Committed) throw new InvalidOperationException($"a chunk was {outcome}");
                written += rows.Length;
            }
            catch (PostgresException deadlock) when (deadlock.SqlState == PostgresErrorCodes.DeadlockDetected)
            {
                // Never seen; the aggregator would try the chunk again. Here it shows in the count, and in the result.
                return (written, 1);
            }
        }
        return (written, 0);
    }

    private static LogPartition At(int partition) => new(SourceStream.ViewLogs, partition);
}
