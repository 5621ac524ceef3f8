using BenchmarkDotNet.Attributes;
using Npgsql;
using NpgsqlTypes;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Bench;

/// <summary>How a chunk's deltas reach the rollup: what the aggregator's sink does is one of these ways.</summary>
public class RollupWriteRace : Race
{
    private const string Upsert = """
        on conflict (log_date, content_id) do update
           set views = d.views + excluded.views, watch_seconds = d.watch_seconds + excluded.watch_seconds
        """;

    private static readonly DateOnly Day = new(2026, 3, 15);

    private PostgresServer _server = null!;
    private PostgresDatabase _database = null!;
    private NpgsqlConnection _connection = null!;
    private long[] _contents = [];
    private long[] _views = [];
    private long[] _seconds = [];

    /// <summary>Contents touched by a chunk.</summary>
    [Params(10_000)]
    public int Cells { get; set; } = 10_000;

    protected override async Task PrepareAsync()
    {
        _server = Keep(await PostgresServer.StartAsync(State, TimeProvider.System, default));
        _database = Keep(await _server.DatabaseAsync("race_rollup"));
        _connection = Keep(new NpgsqlConnection(_database.ConnectionString));
        await _connection.OpenAsync();
        await ExecuteAsync("create table day_cell (log_date date, content_id bigint, views bigint, watch_seconds bigint, primary key (log_date, content_id))");
        await ExecuteAsync("create temp table delta (content_id bigint, views bigint, watch_seconds bigint)");
        _contents = [.. Enumerable.Range(1, Cells).Select(content => (long)content)];
        _views = [.. _contents.Select(content => 1 + (content % 7))];
        _seconds = [.. _contents.Select(content => 30 * content % 600)];
    }

    [Benchmark(Baseline = true)]
    public async Task RowByRow()
    {
        await using var transaction = await _connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand($"insert into day_cell as d values ($1, $2, $3, $4) {Upsert}", _connection);
        for (var parameter = 0; parameter < 4; parameter++) command.Parameters.Add(new NpgsqlParameter());
        for (var i = 0; i < Cells; i++)
        {
            (command.Parameters[0].Value, command.Parameters[1].Value, command.Parameters[2].Value, command.Parameters[3].Value) = (Day, _contents[i], _views[i], _seconds[i]);
            await command.ExecuteNonQueryAsync();
        }
        await transaction.CommitAsync();
    }

    [Benchmark]
    public async Task Batched()
    {
        await using var transaction = await _connection.BeginTransactionAsync();
        await using var batch = new NpgsqlBatch(_connection);
        for (var i = 0; i < Cells; i++)
        {
            var command = new NpgsqlBatchCommand($"insert into day_cell as d values ($1, $2, $3, $4) {Upsert}");
            foreach (var value in new object[] { Day, _contents[i], _views[i], _seconds[i] }) command.Parameters.Add(new NpgsqlParameter { Value = value });
            batch.BatchCommands.Add(command);
        }
        await batch.ExecuteNonQueryAsync();
        await transaction.CommitAsync();
    }

    [Benchmark]
    public async Task Unnest()
    {
        await using var transaction = await _connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand($"insert into day_cell as d select $1, c, v, s from unnest($2, $3, $4) as t (c, v, s) {Upsert}", _connection);
        foreach (var value in new object[] { Day, _contents, _views, _seconds }) command.Parameters.Add(new NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync();
        await transaction.CommitAsync();
    }

    [Benchmark]
    public async Task CopyAndMerge()
    {
        await using var transaction = await _connection.BeginTransactionAsync();
        await using (var copy = await _connection.BeginBinaryImportAsync("copy delta from stdin (format binary)"))
        {
            for (var i = 0; i < Cells; i++)
            {
                await copy.StartRowAsync();
                await copy.WriteAsync(_contents[i], NpgsqlDbType.Bigint);
                await copy.WriteAsync(_views[i], NpgsqlDbType.Bigint);
                await copy.WriteAsync(_seconds[i], NpgsqlDbType.Bigint);
            }
            await copy.CompleteAsync();
        }
        await ExecuteAsync($"insert into day_cell as d select '{Day:yyyy-MM-dd}', * from delta {Upsert}; truncate delta");
        await transaction.CommitAsync();
    }

    /// <returns>What lies in the table, and empties it: equal after every way.</returns>
    public async Task<string> TakeResultAsync()
    {
        var result = await _database.ScalarAsync("select string_agg(content_id || ':' || views || ':' || watch_seconds, ',' order by content_id) from day_cell");
        await ExecuteAsync("truncate day_cell");
        return (string?)result ?? "";
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        await command.ExecuteNonQueryAsync();
    }
}
