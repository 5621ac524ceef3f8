using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;
using StreamSettlement.Settlement.Core;
using StreamSettlement.Settlement.Source;

namespace StreamSettlement.Settlement.Sink;

/// <summary>Rollups and books in PostgreSQL.</summary>
internal sealed class PostgresStore(NpgsqlDataSource postgres, DayJournal journal, TimeProvider time) : ISettlementStore, IAsyncDisposable
{
    /// <summary>With a pool of its own: a run over a large history may take longer than the API's 30 s, and must not be tried forever.</summary>
    public static PostgresStore Open(string connectionString, DayJournal journal, TimeProvider time) =>
        new(NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = "settlement runs",
            CommandTimeout = 0,
            // Without a timeout a silently lost connection is noticed by this alone.
            TcpKeepAlive = true,
            MaxPoolSize = 4,
        }), journal, time);

    public ValueTask DisposeAsync() => postgres.DisposeAsync();

    private bool _rollupIsThere;

    public Task MigrateAsync(CancellationToken cancel) =>
        PostgresSchema.MigrateAsync(postgres, DayJournal.Schema, typeof(PostgresStore).Assembly, cancel);

    public async Task<string?> WaitingForAsync(CancellationToken cancel)
    {
        if (_rollupIsThere) return null;
        await using var command = postgres.CreateCommand(DayReader.RollupIsThere);
        _rollupIsThere = await command.ExecuteScalarAsync(cancel) is true;
        return _rollupIsThere ? null : "waiting for schema rollup, which the aggregator creates at its first start";
    }

    public async Task<Outlook> LookAsync(CancellationToken cancel)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        await DayWriter.RegisterAsync(connection, time.GetUtcNow(), cancel);
        return new Outlook(await DayReader.CandidatesAsync(connection, cancel), await DayReader.CountAsync(connection, cancel));
    }

    public async Task<ISettlementSession> BeginAsync(CancellationToken cancel)
    {
        var connection = await postgres.OpenConnectionAsync(cancel);
        try
        {
            return await PostgresSession.BeginAsync(connection, journal, time, cancel);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
