using BenchmarkDotNet.Attributes;
using MySqlConnector;
using Npgsql;
using StreamSettlement.Aggregator;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Aggregator.Sink;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Hosting;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.Bench;

/// <summary>
/// What each mechanism costs that keeps rows from being lost or counted twice: the same chunk with all of them, and without one at a
/// time. Every way writes the same rollups.
/// </summary>
public class MechanismRace : Race
{
    private const int Partitions = 12;
    private const int DeadLetters = 100;

    private static readonly BusinessDay Day = BusinessDay.Of(2026, 3, 15);

    private PostgresServer _postgres = null!;
    private PostgresDatabase _database = null!;
    private NpgsqlDataSource _source = null!;
    private RollupStore _store = null!;
    private DevBrokerServer _broker = null!;
    private DeadLetterTopics _topics = null!;
    private SourceServer _sourceServer = null!;
    private MySqlDatabase _mysql = null!;
    private ISourceSession _session = null!;
    private MySqlConnection _clock = null!;
    private Chunk _chunk = null!;
    private long _commits;
    private long _letters;

    /// <summary>Of the chunk, over 10,000 contents and 12 partitions.</summary>
    [Params(50_000)]
    public int Rows { get; set; } = 50_000;

    protected override async Task PrepareAsync()
    {
        _postgres = Keep(await PostgresServer.StartAsync(State, TimeProvider.System, default));
        await _postgres.ExecuteAsync("drop database if exists race_mechanism with (force)");
        _database = Keep(await _postgres.DatabaseAsync("race_mechanism"));
        _source = Keep(NpgsqlDataSource.Create(_database.ConnectionString));
        _store = new RollupStore(_source, "race", TimeProvider.System);
        await _store.PrepareAsync(default);
        _broker = Keep(await DevBrokerServer.StartAsync(State, TimeProvider.System, default));
        var options = new AggregatorOptions { KafkaBootstrap = _broker.Bootstrap };
        await KafkaTopics.EnsureAsync(_broker.Bootstrap, "bench", options.Topics.All(Partitions));
        _topics = Keep(new DeadLetterTopics(options, TimeProvider.System));
        _sourceServer = Keep(await SourceServer.StartAsync(MySqlHome, State, TimeProvider.System, default));
        _mysql = Keep(await _sourceServer.SourceDatabaseAsync("race_mechanism"));
        _session = Keep(await new MySqlSource(new IngestOptions { KafkaBootstrap = _broker.Bootstrap, MySql = _mysql.IngestConnectionString }, TimeProvider.System)
            .TryAcquireAsync(default) ?? throw new InvalidOperationException("somebody else holds the lock"));
        _clock = Keep(await _mysql.OpenAsync());
        _chunk = await BuildAsync();
    }

    [Benchmark(Baseline = true)]
    public Task AllMechanisms() => CommitAsync(Next());

    [Benchmark]
    public Task WithoutClaims() => CommitAsync(Next() with { Claims = [] });

    [Benchmark]
    public Task WithoutEpochs() => WriteAsync(Next());

    /// <summary>What counts, what is claimed and the position one after the other, each on its own: a crash in between would tear them apart.</summary>
    [Benchmark]
    public async Task InSeparateTransactions()
    {
        var (chunk, nothing) = (Next(), _chunk with { Moves = [], Days = [], Contents = [], Ads = [], PartitionDays = [], Seals = [], Claims = [] });
        await WriteAsync(nothing with { Contents = chunk.Contents, Days = chunk.Days });
        await WriteAsync(nothing with { PartitionDays = chunk.PartitionDays });
        await WriteAsync(nothing with { Claims = chunk.Claims });
        await WriteAsync(nothing with { Moves = chunk.Moves });
    }

    /// <summary>A hundred records that can't be counted: acknowledged in their topic before the transaction begins.</summary>
    [Benchmark]
    public async Task WithAHundredDeadLetters()
    {
        var poison = new Poison(PoisonReason.Undecodable, "the race's", Day);
        var letters = Enumerable.Range(0, DeadLetters).Select(_ => new DeadLetter(new LogPartition(SourceStream.ViewLogs, 0), _letters++, 1, poison, null, new byte[40], true)).ToList();
        await _topics.ProduceAsync(letters, default);
        await CommitAsync(Next() with { DeadLetters = letters });
    }

    /// <summary>Once a round of ingest: the horizon, from MySQL's clock, process list and transactions, and whether the lock is held.</summary>
    [Benchmark]
    public async Task<bool> LookForTheHorizon() => (await _session.LookAsync(fresh: true, default)).Open is not null;

    [Benchmark]
    public bool ReadTheClockAlone()
    {
        using var now = new MySqlCommand("select now(6)", _clock);
        return now.ExecuteScalar() is not null;
    }

    /// <summary>What the claims cost before they are written: each row's, in memory.</summary>
    /// <returns>Rows claimed.</returns>
    [Benchmark]
    public long ClaimInMemory()
    {
        var (claims, changed, claimed) = (new ClaimCache(48L << 20), new List<ClaimCache.Entry>(), 0L);
        for (var id = 1L; id <= Rows; id++)
        {
            var key = new ClaimKey(new LogPartition(SourceStream.ViewLogs, (int)(id % Partitions)), Day, 1, id >> 16);
            if (!claims.Contains(key)) claims.Load(key, new ClaimBlock());
            if (claims.Claim(key, id, 1, changed)) claimed++;
        }
        return claimed;
    }

    /// <returns>Views in the rollups, and empties them: equal after every way.</returns>
    public async Task<long> TakeViewsAsync()
    {
        var views = (long?)await _database.ScalarAsync("select sum(views)::bigint from rollup.content_day") ?? 0;
        await _database.ExecuteAsync("truncate rollup.content_day");
        return views;
    }

    private async Task<Chunk> BuildAsync()
    {
        var claims = new ClaimCache(48L << 20);
        var builder = new ChunkBuilder(claims, ChunkLimits.Default);
        var rules = await _store.RulesAsync(default);
        var owned = await _store.TakeOverAsync([.. Enumerable.Range(0, Partitions).Select(part => new AssignedPartition(new LogPartition(SourceStream.ViewLogs, part), null, 0, Rows))], default);
        for (var id = 1L; id <= Rows; id++)
        {
            var content = 1 + (id * 7_919 % 10_000);
            var partition = owned[(int)(content % Partitions)];
            var fact = new Fact(id, 1, Day, new ContentId(content), new CreatorId(1 + (content % 1_000)), default, 60, new SourceTime(1));
            var key = ClaimKey.Of(partition.At, fact);
            if (!claims.Contains(key)) claims.Load(key, new ClaimBlock());
            builder.Add(partition, partition.Position, Verdict.Of(fact), rules, default);
        }
        return builder.Finish();
    }

    /// <summary>The chunk as the next transaction of its epoch.</summary>
    private Chunk Next()
    {
        var commits = _commits++;
        return _chunk with { Moves = [.. _chunk.Moves.Select(move => move with { Commits = commits })] };
    }

    private async Task CommitAsync(Chunk chunk)
    {
        var outcome = await _store.CommitAsync(chunk, default);
        if (outcome != CommitOutcome.Committed) throw new InvalidOperationException($"the chunk was {outcome}");
    }

    /// <summary>The chunk's statements in a transaction, without asking whose the partitions are.</summary>
    private async Task WriteAsync(Chunk chunk)
    {
        await using var connection = await _source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var batch = new NpgsqlBatch(connection, transaction))
        {
            ChunkSql.AddTo(batch, chunk, RollupStore.Generation);
            await batch.ExecuteNonQueryAsync();
        }
        await transaction.CommitAsync();
    }
}
