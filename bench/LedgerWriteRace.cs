using BenchmarkDotNet.Attributes;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Hosting;
using StreamSettlement.Settlement.Core;
using StreamSettlement.Settlement.Sink;

namespace StreamSettlement.Bench;

/// <summary>How an entry's payout lines reach the books, their triggers and indexes included: <see cref="Copy"/> is what settlement does.</summary>
public class LedgerWriteRace : Race
{
    private const string Insert = "insert into settlement.payout_line (entry_id, content_id, log_date, creator_id, kind, units, amount_micros)";

    private static readonly BusinessDay Day = BusinessDay.Of(2026, 3, 15);

    private PostgresServer _server = null!;
    private PostgresDatabase _database = null!;
    private NpgsqlConnection _connection = null!;
    private PayoutLine[] _lines = [];

    /// <summary>Lines of one kind and day: contents that were seen.</summary>
    [Params(20_000)]
    public int Lines { get; set; } = 20_000;

    protected override async Task PrepareAsync()
    {
        _server = Keep(await PostgresServer.StartAsync(State, TimeProvider.System, default));
        _database = Keep(await _server.DatabaseAsync("race_ledger"));
        await using (var postgres = NpgsqlDataSource.Create(_database.ConnectionString))
            await PostgresSchema.MigrateAsync(postgres, DayJournal.Schema, typeof(DayJournal).Assembly, default);
        _connection = Keep(new NpgsqlConnection(_database.ConnectionString));
        await _connection.OpenAsync();
        _lines = [.. Enumerable.Range(1, Lines).Select(content =>
            new PayoutLine(new ContentId(content), Day, new CreatorId(1 + (content % 2_000)), content % 97, new Micros(content % 97 * 1_000_000L)))];
    }

    [Benchmark(Baseline = true)]
    public Task<string> RowByRow() => InAnEntryAsync(async entry =>
    {
        await using var command = new NpgsqlCommand($"{Insert} values ($1, $2, $3, $4, $5, $6, $7)", _connection);
        for (var parameter = 0; parameter < 7; parameter++) command.Parameters.Add(new NpgsqlParameter());
        foreach (var line in _lines)
        {
            var values = Values(entry, line);
            for (var parameter = 0; parameter < 7; parameter++) command.Parameters[parameter].Value = values[parameter];
            await command.ExecuteNonQueryAsync();
        }
    });

    [Benchmark]
    public Task<string> Batched() => InAnEntryAsync(async entry =>
    {
        await using var batch = new NpgsqlBatch(_connection);
        foreach (var line in _lines)
        {
            var command = new NpgsqlBatchCommand($"{Insert} values ($1, $2, $3, $4, $5, $6, $7)");
            foreach (var value in Values(entry, line)) command.Parameters.Add(new NpgsqlParameter { Value = value });
            batch.BatchCommands.Add(command);
        }
        await batch.ExecuteNonQueryAsync();
    });

    [Benchmark]
    public Task<string> Unnest() => InAnEntryAsync(async entry =>
    {
        await using var command = new NpgsqlCommand(
            $"{Insert} select $1, content, $2, creator, 'view', units, amount from unnest($3, $4, $5, $6) line (content, creator, units, amount)", _connection);
        object[] values =
        [
            entry, Day.Date, _lines.Select(line => line.Content.Value).ToArray(), _lines.Select(line => line.Creator.Value).ToArray(),
            _lines.Select(line => line.Units).ToArray(), _lines.Select(line => line.Amount.Value).ToArray(),
        ];
        foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync();
    });

    [Benchmark]
    public Task<string> Copy() => InAnEntryAsync(entry => Ledger.WriteLinesAsync(_connection, entry, PriceKind.View, _lines, default));

    /// <returns>What the entry held before it was rolled back: equal after every way.</returns>
    private async Task<string> InAnEntryAsync(Func<long, Task> write)
    {
        await using var transaction = await _connection.BeginTransactionAsync();
        var entry = await Ledger.OpenEntryAsync(_connection, runId: 1, PriceKind.View, "KRW", TimeProvider.System.GetUtcNow(), default);
        await write(entry);
        await using var sum = new NpgsqlCommand(
            $"select count(*) || ' lines, ' || sum(units) || ' units, ' || sum(amount_micros) || ' micros' from settlement.payout_line where entry_id = {entry}", _connection);
        return (string)(await sum.ExecuteScalarAsync())!;
    }

    private static object[] Values(long entry, in PayoutLine line) =>
        [entry, line.Content.Value, line.Day.Date, line.Creator.Value, "view", line.Units, line.Amount.Value];
}
