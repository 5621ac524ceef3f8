using MySqlConnector;

namespace StreamSettlement.DevStack.Servers;

/// <summary>A source database on a running server.</summary>
/// <param name="OwnerConnectionString">May do everything: for the platform's side, the generator and tests.</param>
/// <param name="IngestConnectionString">May read this database and see others' transactions: what ingest is given.</param>
internal sealed record MySqlDatabase(string Name, string OwnerConnectionString, string IngestConnectionString) : IAsyncDisposable
{
    public string Host => Parts.Server;

    public int Port => checked((int)Parts.Port);

    /// <summary>Of the owner.</summary>
    public string User => Parts.UserID;

    /// <summary>Of the owner.</summary>
    public string Password => Parts.Password;

    private MySqlConnectionStringBuilder Parts => new(OwnerConnectionString);

    /// <summary>An open connection as the owner.</summary>
    public async Task<MySqlConnection> OpenAsync(CancellationToken token = default)
    {
        var connection = new MySqlConnection(OwnerConnectionString);
        await connection.OpenAsync(token);
        return connection;
    }

    /// <summary>Runs statements, separated by semicolons, as the owner.</summary>
    /// <returns>Rows affected.</returns>
    public async Task<int> ExecuteAsync(string sql, CancellationToken token = default)
    {
        await using var connection = await OpenAsync(token);
        await using var command = new MySqlCommand(sql, connection) { CommandTimeout = 300 };
        return await command.ExecuteNonQueryAsync(token);
    }

    /// <summary>The single value of a query; null when there is none.</summary>
    public async Task<object?> ScalarAsync(string sql, CancellationToken token = default)
    {
        await using var connection = await OpenAsync(token);
        await using var command = new MySqlCommand(sql, connection) { CommandTimeout = 300 };
        return await command.ExecuteScalarAsync(token) is { } value and not DBNull ? value : null;
    }

    /// <summary>What to throw where rows were to be written: the driver tells a cancelled statement as a failed one.</summary>
    public Exception Refused(MySqlException refusal, CancellationToken token) => token.IsCancellationRequested
        ? new OperationCanceledException(refusal.Message, refusal, token)
        : new DevStackException($"The source database {Host}:{Port}/{Name} refused rows: {refusal.GetBaseException().Message}", refusal);

    /// <summary>Drops the database.</summary>
    public async ValueTask DisposeAsync()
    {
        await ExecuteAsync($"drop database if exists `{Name}`");
        await using var connection = new MySqlConnection(OwnerConnectionString);
        await MySqlConnection.ClearPoolAsync(connection);
    }
}
