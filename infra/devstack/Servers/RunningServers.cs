using Confluent.Kafka;
using Confluent.Kafka.Admin;
using MySqlConnector;
using Npgsql;

namespace StreamSettlement.DevStack.Servers;

/// <summary>
/// Servers that run already and belong to others. What a run needs there it creates, marks as its own, and removes: nothing is filled or
/// dropped that this command did not create.
/// </summary>
internal static class RunningServers
{
    /// <summary>A table in each source database that the command created.</summary>
    private const string SourceMark = "created_by_stream_settlement";

    /// <summary>The comment of each PostgreSQL database that the command created.</summary>
    private const string RollupMark = "created by Stream Settlement's command";

    private static readonly TimeSpan KafkaTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Marks a source database as created by this command: it may be filled and dropped.</summary>
    public static Task MarkAsync(MySqlDatabase source, CancellationToken token) =>
        source.ExecuteAsync($"create table if not exists {SourceMark} (created_at datetime(6) not null primary key)", token);

    /// <exception cref="DevStackException">The source database is somebody's: it is not filled.</exception>
    public static async Task RefuseForeignAsync(MySqlDatabase source, CancellationToken token)
    {
        var marked = await AskAsync(source, () => source.ScalarAsync(
            $"select count(*) from information_schema.tables where table_schema = database() and table_name = '{SourceMark}'", token));
        if (Convert.ToInt64(marked, System.Globalization.CultureInfo.InvariantCulture) == 0)
            throw new DevStackException($"The database {source.Name} on {source.Host}:{source.Port} was not created by this command, and it would be filled with generated rows. Name a database that does not exist: it is created.");
    }

    /// <summary>The source as it is: to be read.</summary>
    public static MySqlDatabase Source(string connectionString) =>
        new(new MySqlConnectionStringBuilder(connectionString).Database, connectionString, connectionString);

    /// <summary>Creates the source database. One of an earlier run is dropped first.</summary>
    /// <exception cref="DevStackException">The server refuses, or a database of that name is somebody's.</exception>
    public static async Task<MySqlDatabase> CreateSourceAsync(string connectionString, CancellationToken token)
    {
        // The generator fills it by LOAD DATA LOCAL.
        var source = Source(new MySqlConnectionStringBuilder(connectionString) { AllowLoadLocalInfile = true }.ConnectionString);
        var server = source with { OwnerConnectionString = new MySqlConnectionStringBuilder(connectionString) { Database = "" }.ConnectionString };
        await AskAsync(source, async () =>
        {
            if (await server.ScalarAsync($"select 1 from information_schema.schemata where schema_name = '{MySqlHelper.EscapeString(source.Name)}'", token) is not null)
            {
                await RefuseForeignAsync(source, token);
                await server.ExecuteAsync($"drop database `{source.Name}`", token);
            }
            await server.ExecuteAsync($"create database `{source.Name}`", token);
            await MarkAsync(source, token);
            return await source.ExecuteAsync(SourceSchema.Sql, token);
        });
        return source;
    }

    /// <returns>Product and version: "MySQL 9.7.4 at db:3306".</returns>
    public static async Task<string> DescribeAsync(MySqlDatabase source, CancellationToken token) =>
        await AskAsync(source, async () => $"{SourceServer.Describe((string)(await source.ScalarAsync("select version()", token))!)} at {source.Host}:{source.Port}");

    /// <summary>The rollup database as it is.</summary>
    public static PostgresDatabase Rollup(string connectionString) =>
        new(new NpgsqlConnectionStringBuilder(connectionString).Database!, connectionString, _ => Task.CompletedTask);

    /// <summary>Creates the rollup database. One of an earlier run is dropped first.</summary>
    /// <exception cref="DevStackException">The server refuses, or a database of that name is somebody's.</exception>
    public static async Task<PostgresDatabase> CreateRollupAsync(string connectionString, CancellationToken token)
    {
        var parts = new NpgsqlConnectionStringBuilder(connectionString);
        var (name, at) = (parts.Database!, $"{parts.Host}:{parts.Port}");
        var server = new NpgsqlConnectionStringBuilder(connectionString) { Database = "postgres", Pooling = false }.ConnectionString;
        var quoted = $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        try
        {
            await using var source = NpgsqlDataSource.Create(server);
            await using var exists = source.CreateCommand("select coalesce(shobj_description(oid, 'pg_database'), '') from pg_database where datname = $1");
            exists.Parameters.Add(new NpgsqlParameter { Value = name });
            var comment = (string?)await exists.ExecuteScalarAsync(token);
            if (comment is not null and not RollupMark)
                throw new DevStackException($"The database {name} on {at} was not created by this command, and it would be written to. Name a database that does not exist: it is created.");
            foreach (var sql in (string[])[.. comment is null ? [] : (string[])[$"drop database {quoted} with (force)"], $"create database {quoted}", $"comment on database {quoted} is '{RollupMark.Replace("'", "''", StringComparison.Ordinal)}'"])
            {
                await using var command = source.CreateCommand(sql);
                await command.ExecuteNonQueryAsync(token);
            }
        }
        catch (NpgsqlException e)
        {
            throw new DevStackException($"PostgreSQL at {at} refused to make the database {name}: {e.Message}", e);
        }
        return new PostgresDatabase(name, connectionString, async _ =>
        {
            await using var source = NpgsqlDataSource.Create(server);
            await using var command = source.CreateCommand($"drop database if exists {quoted} with (force)");
            await command.ExecuteNonQueryAsync();
        });
    }

    /// <returns>Version and address: "PostgreSQL 17.6 at db:5432".</returns>
    public static async Task<string> DescribeAsync(PostgresDatabase rollup, CancellationToken token)
    {
        try
        {
            return $"PostgreSQL {PostgresServer.Number((string)(await rollup.ScalarAsync("show server_version", token))!)} at {rollup.Parts.Host}:{rollup.Parts.Port}";
        }
        catch (NpgsqlException e)
        {
            throw new DevStackException($"The database {rollup.Name} on PostgreSQL at {rollup.Parts.Host}:{rollup.Parts.Port} cannot be used: {e.Message}", e);
        }
    }

    /// <returns>Brokers and address: "Kafka at a:9092,b:9092, 3 brokers".</returns>
    /// <exception cref="DevStackException">It does not answer.</exception>
    public static string DescribeKafka(string bootstrap)
    {
        try
        {
            using var admin = Admin(bootstrap);
            var brokers = admin.GetMetadata(KafkaTimeout).Brokers.Count;
            return $"Kafka at {bootstrap}, {brokers} broker{(brokers == 1 ? "" : "s")}";
        }
        catch (KafkaException e)
        {
            throw new DevStackException($"Kafka at {bootstrap} does not answer: {e.Error.Reason}", e);
        }
    }

    /// <summary>Deletes the topics and groups whose names begin with <paramref name="prefix"/>.</summary>
    /// <exception cref="DevStackException">Some are left.</exception>
    public static async Task DeleteTopicsAsync(string bootstrap, string prefix)
    {
        try
        {
            using var admin = Admin(bootstrap);
            var topics = admin.GetMetadata(KafkaTimeout).Topics.Select(topic => topic.Topic).Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).ToList();
            if (topics.Count > 0) await admin.DeleteTopicsAsync(topics);
            var groups = (await admin.ListConsumerGroupsAsync()).Valid.Select(group => group.GroupId).Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).ToList();
            if (groups.Count > 0) await admin.DeleteGroupsAsync(groups);
        }
        catch (KafkaException e)
        {
            throw new DevStackException($"Kafka at {bootstrap} did not delete all topics and groups that begin with {prefix}: {e.Error.Reason}", e);
        }
    }

    private static IAdminClient Admin(string bootstrap) =>
        new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap, SocketTimeoutMs = (int)KafkaTimeout.TotalMilliseconds }).SetLogHandler((_, _) => { }).Build();

    private static async Task<T> AskAsync<T>(MySqlDatabase source, Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (MySqlException e)
        {
            throw new DevStackException($"The source server {source.Host}:{source.Port} refused {source.Name}: {e.GetBaseException().Message}", e);
        }
    }
}
