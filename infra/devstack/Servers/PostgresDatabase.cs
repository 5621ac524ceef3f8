using Npgsql;

namespace StreamSettlement.DevStack.Servers;

/// <summary>A database on a running PostgreSQL, owned by the user of its connection string.</summary>
internal sealed class PostgresDatabase(string name, string connectionString, Func<string, Task> drop) : IAsyncDisposable
{
    private readonly NpgsqlDataSource source = NpgsqlDataSource.Create(connectionString);

    public string Name => name;

    public string ConnectionString => connectionString;

    public NpgsqlConnectionStringBuilder Parts => new(connectionString);

    /// <summary>Whether a query failed because the server, or the connection to it, was away.</summary>
    public static bool IsAway(Exception fault) => fault is NpgsqlException or IOException or TimeoutException;

    /// <summary>Runs statements, separated by semicolons.</summary>
    public async Task<int> ExecuteAsync(string sql, CancellationToken token = default)
    {
        await using var command = source.CreateCommand(sql);
        command.CommandTimeout = 300;
        return await command.ExecuteNonQueryAsync(token);
    }

    /// <summary>The single value of a query; null when there is none.</summary>
    public async Task<object?> ScalarAsync(string sql, CancellationToken token = default)
    {
        await using var command = source.CreateCommand(sql);
        command.CommandTimeout = 300;
        return await command.ExecuteScalarAsync(token) is { } value and not DBNull ? value : null;
    }

    /// <summary>Every row of a query.</summary>
    public async Task<List<T>> QueryAsync<T>(string sql, Func<NpgsqlDataReader, T> row, CancellationToken token = default)
    {
        await using var command = source.CreateCommand(sql);
        command.CommandTimeout = 300;
        await using var reader = await command.ExecuteReaderAsync(token);
        var rows = new List<T>();
        while (await reader.ReadAsync(token)) rows.Add(row(reader));
        return rows;
    }

    /// <summary>Drops the database, whoever is connected.</summary>
    public async ValueTask DisposeAsync()
    {
        await source.DisposeAsync();
        await drop(name);
    }
}
