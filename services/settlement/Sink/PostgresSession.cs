using System.Data;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;
using StreamSettlement.Settlement.Source;

namespace StreamSettlement.Settlement.Sink;

/// <summary>One transaction, REPEATABLE READ, under the lock of all settlements of this database.</summary>
internal sealed class PostgresSession : ISettlementSession
{
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _transaction;
    private readonly DayJournal _journal;
    private readonly DateTimeOffset _now;

    private PostgresSession(NpgsqlConnection connection, NpgsqlTransaction transaction, DayJournal journal, DateTimeOffset now) =>
        (_connection, _transaction, _journal, _now) = (connection, transaction, journal, now);

    public static async Task<PostgresSession> BeginAsync(NpgsqlConnection connection, DayJournal journal, TimeProvider time, CancellationToken cancel)
    {
        var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        // LOCK TABLE takes no snapshot; the first query after it does. An advisory lock inside the transaction would have taken it
        // before waiting, and the run would not see what the run before it posted; one outside survives a lost transaction until
        // the pool hands the connection out again. Readers are not held back.
        await using var exclusive = new NpgsqlCommand("lock table settlement.run in share row exclusive mode", connection);
        await exclusive.ExecuteNonQueryAsync(cancel);
        return new PostgresSession(connection, transaction, journal, time.GetUtcNow());
    }

    public Task<DayFacts> ReadDayAsync(BusinessDay day, CancellationToken cancel) => DayReader.ReadAsync(_connection, day, cancel);

    public Task<RunPlan> ReadPlanAsync(BusinessDay day, CancellationToken cancel) => RunReader.PlanAsync(_connection, day, cancel);

    public IAsyncEnumerable<ReadOnlyMemory<Cell>> ReadCellsAsync(PriceKind kind, BusinessDay from, BusinessDay upTo, CancellationToken cancel) =>
        CellReader.ReadAsync(_connection, kind, from, upTo, cancel);

    public Task<long> OpenEntryAsync(long runId, PriceKind kind, string currency, CancellationToken cancel) =>
        Ledger.OpenEntryAsync(_connection, runId, kind, currency, _now, cancel);

    public Task WriteLinesAsync(long entryId, PriceKind kind, IReadOnlyList<PayoutLine> lines, CancellationToken cancel) =>
        Ledger.WriteLinesAsync(_connection, entryId, kind, lines, cancel);

    public Task PostEntryAsync(long entryId, PriceKind kind, RunTotals totals, CancellationToken cancel) =>
        Ledger.PostEntryAsync(_connection, entryId, kind, totals, cancel);

    public Task SaveMarksAsync(RunPlan plan, CancellationToken cancel) => DayWriter.SaveMarksAsync(_connection, plan, cancel);

    public Task AcceptAsync(BusinessDay day, Acceptance acceptance, CancellationToken cancel) => DayWriter.AcceptAsync(_connection, day, acceptance, cancel);

    public async Task SaveRunAsync(
        RunPlan plan, int attempt, Acceptance? accepted, IReadOnlyDictionary<PriceKind, EntryManifest> entries, CancellationToken cancel)
    {
        var manifest = await RunReader.ManifestAsync(_connection, plan, attempt, accepted, entries, cancel);
        await Ledger.SaveRunAsync(_connection, plan, attempt, manifest, _now, cancel);
    }

    public async Task SaveDayAsync(BusinessDay day, DayRecord record, IReadOnlyList<DayJournalEvent> events, CancellationToken cancel)
    {
        await DayWriter.SaveAsync(_connection, day, record, _now, cancel);
        await _journal.AppendAsync(_transaction, day, events, _now, cancel);
    }

    public Task AppendAsync(BusinessDay day, DayJournalEvent happened, CancellationToken cancel) =>
        _journal.AppendAsync(_transaction, day, [happened], _now, cancel);

    public Task CommitAsync(CancellationToken cancel) => _transaction.CommitAsync(cancel);

    public async ValueTask DisposeAsync()
    {
        await _transaction.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
