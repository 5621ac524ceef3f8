using System.Globalization;
using System.Reflection;
using System.Text;
using Npgsql;

namespace StreamSettlement.Hosting;

/// <summary>
/// A service's own schema: plain SQL files embedded as <c>Schema/NNN_what.sql</c>, applied in order, each once, in one
/// transaction under an advisory lock, so that two services starting at once are safe.
/// </summary>
public static class PostgresSchema
{
    /// <param name="schema">Schema the service owns; holds <c>schema_version</c>.</param>
    /// <param name="assembly">Where the files are embedded.</param>
    /// <exception cref="SchemaTooNewException">The database was made by a newer program; nothing was changed.</exception>
    public static async Task MigrateAsync(NpgsqlDataSource postgres, string schema, Assembly assembly, CancellationToken cancel)
    {
        var files = Files(assembly);
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await ExecuteAsync(connection, $"select pg_advisory_xact_lock(hashtextextended('schema {schema}', 0))", cancel);
        // 'create … if not exists' asks for rights even where nothing is to be created.
        if (await ScalarAsync(connection, $"select to_regclass('{schema}.schema_version')::text", cancel) is not string)
        {
            await ExecuteAsync(connection, $"""
                create schema if not exists {schema};
                create table {schema}.schema_version (version int primary key, file text not null, applied_at timestamptz not null default now());
                """, cancel);
        }
        var current = Convert.ToInt32(
            await ScalarAsync(connection, $"select coalesce(max(version), 0) from {schema}.schema_version", cancel), CultureInfo.InvariantCulture);
        var newest = files.Count == 0 ? 0 : files[^1].Version;
        if (current > newest) throw new SchemaTooNewException(schema, current, newest);
        foreach (var (version, name, sql) in files.Where(file => file.Version > current))
        {
            await ExecuteAsync(connection, sql, cancel);
            await using var record = new NpgsqlCommand($"insert into {schema}.schema_version (version, file) values ($1, $2)", connection);
            record.Parameters.Add(new NpgsqlParameter { Value = version });
            record.Parameters.Add(new NpgsqlParameter { Value = name });
            await record.ExecuteNonQueryAsync(cancel);
        }
        await transaction.CommitAsync(cancel);
    }

    private static List<(int Version, string Name, string Sql)> Files(Assembly assembly) =>
        [.. assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith("Schema/", StringComparison.Ordinal))
            .Select(name =>
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!, Encoding.UTF8);
                var file = name["Schema/".Length..];
                return (int.Parse(file.AsSpan(0, 3), CultureInfo.InvariantCulture), file, reader.ReadToEnd());
            })
            .OrderBy(file => file.Item1)];

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancel);
    }
}

/// <summary>The database's schema is newer than the program: an older program must not write into it.</summary>
public sealed class SchemaTooNewException(string schema, int found, int known)
    : Exception($"schema '{schema}' has version {found}, this program knows {known}: it was migrated by a newer program; run that one or restore the database");
