using Npgsql;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>A PostgreSQL of the Debian package, with its own data directory, on a loopback port, with the distribution's durability.</summary>
internal sealed class PostgresServer : StackPart
{
    public const string Name = "postgres";

    private const string SystemUser = "postgres";
    private const string Superuser = "postgres";
    private const string Owner = "settlement";

    private readonly StateDirectory state;

    private PostgresServer(ChildCommand command, int port, StateDirectory state, TimeProvider time)
        : base(command, port, ownsPort: true, state, time) => this.state = state;

    protected override TimeSpan StartPatience => TimeSpan.FromSeconds(90);

    /// <summary>Starts the server; an empty data directory is initialised first (some seconds).</summary>
    /// <exception cref="DevStackException">It did not start; the message says why.</exception>
    public static async Task<PostgresServer> StartAsync(StateDirectory state, TimeProvider time, CancellationToken token)
    {
        var programs = FindPrograms();
        var home = await state.ServerDirectoryAsync(Name, SystemUser, token);
        var data = await InitialiseAsync(programs, home, state, token);
        var port = LoopbackPorts.Next();
        string[] line =
        [
            .. Shell.RunAs(SystemUser), Path.Combine(programs, "postgres"), "-D", data, "-p", $"{port}",
            "-c", "listen_addresses=127.0.0.1",
            // No socket at all: its path could exceed the 107 bytes that a socket's name may have.
            "-c", "unix_socket_directories=",
            "-c", "shared_buffers=256MB", "-c", "max_connections=200", "-c", "max_wal_size=2GB", "-c", "timezone=UTC",
        ];
        // SIGTERM waits until every client has gone; SIGINT ends their sessions and stops in an orderly way.
        var command = new ChildCommand(Name, line[0], line[1..])
        {
            StopSignal = Posix.SigInt,
            StopPatience = TimeSpan.FromSeconds(60),
            WorkingDirectory = "/",
        };
        return await ReadyAsync(new PostgresServer(command, port, state, time), (server, cancel) => server.PrepareAsync(cancel), token);
    }

    /// <summary>As the server says, without its builder: <c>15.18</c>.</summary>
    public string Version { get; private set; } = "";

    /// <param name="version">What <c>show server_version</c> answers: <c>15.18 (Debian 15.18-0+deb12u1)</c>.</param>
    public static string Number(string version) => version.Split(' ')[0];

    /// <summary>Connection string of the superuser, to the database <c>postgres</c>.</summary>
    public string AdminConnectionString => ConnectionString(Superuser, "postgres");

    /// <summary>The database <paramref name="name"/>, created when it is missing.</summary>
    public async Task<PostgresDatabase> DatabaseAsync(string name, CancellationToken token = default)
    {
        await using (var connection = await OpenAdminAsync(token))
        {
            await using var exists = new NpgsqlCommand("select 1 from pg_database where datname = $1", connection) { Parameters = { new() { Value = name } } };
            if (await exists.ExecuteScalarAsync(token) is null)
                await RunAsync(connection, $"create database \"{name}\" owner {Owner}", token);
        }
        return new PostgresDatabase(name, ConnectionString(Owner, name), DropAsync);
    }

    /// <summary>Runs statements as the superuser in the database <c>postgres</c>.</summary>
    public async Task ExecuteAsync(string sql, CancellationToken token = default)
    {
        await using var connection = await OpenAdminAsync(token);
        await RunAsync(connection, sql, token);
    }

    private Task DropAsync(string name) => ExecuteAsync($"drop database if exists \"{name}\" with (force)");

    private static string FindPrograms()
    {
        const string versions = "/usr/lib/postgresql";
        var found = Directory.Exists(versions)
            ? Directory.GetDirectories(versions).Where(path => int.TryParse(Path.GetFileName(path), out _))
                .OrderByDescending(path => int.Parse(Path.GetFileName(path), System.Globalization.CultureInfo.InvariantCulture))
                .Select(path => Path.Combine(path, "bin")).FirstOrDefault(path => File.Exists(Path.Combine(path, "postgres")))
            : null;
        return found ?? throw new DevStackException($"No PostgreSQL server under {versions}. Install it: apt-get install postgresql");
    }

    private static async Task<string> InitialiseAsync(string programs, string home, StateDirectory state, CancellationToken token)
    {
        var (data, done, passwordFile) = (Path.Combine(home, "data"), Path.Combine(home, "initialised"), Path.Combine(home, "password"));
        if (File.Exists(done)) return data;
        // An initialisation that was cut off is begun again.
        if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
        StateDirectory.WriteSecret(passwordFile, state.Password("postgres-" + Superuser));
        if (Posix.IsRoot) await Shell.RunAsync(["chown", $"{SystemUser}:{SystemUser}", passwordFile], token);
        string[] line =
        [
            .. Shell.RunAs(SystemUser), Path.Combine(programs, "initdb"), "-D", data, $"--username={Superuser}", $"--pwfile={passwordFile}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8",
        ];
        await Shell.RunAsync(line, token);
        File.Delete(passwordFile);
        await File.WriteAllTextAsync(done, "", token);
        return data;
    }

    private async Task PrepareAsync(CancellationToken token)
    {
        await using var connection = await OpenAdminAsync(token);
        await using var exists = new NpgsqlCommand($"select 1 from pg_roles where rolname = '{Owner}'", connection);
        await using var version = new NpgsqlCommand("show server_version", connection);
        Version = Number((string)(await version.ExecuteScalarAsync(token))!);
        var verb = await exists.ExecuteScalarAsync(token) is null ? "create" : "alter";
        await RunAsync(connection, $"{verb} role {Owner} login password '{state.Password("postgres-" + Owner)}'", token);
    }

    private async Task<NpgsqlConnection> OpenAdminAsync(CancellationToken token)
    {
        var connection = new NpgsqlConnection(AdminConnectionString + ";Pooling=false");
        await connection.OpenAsync(token);
        return connection;
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken token)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 120 };
        await command.ExecuteNonQueryAsync(token);
    }

    private string ConnectionString(string user, string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Username = user,
        Password = state.Password("postgres-" + user),
        Database = database,
    }.ConnectionString;

    protected override async Task<string?> NotReadyAsync(CancellationToken token)
    {
        try
        {
            await ExecuteAsync("select 1", token);
            return null;
        }
        catch (NpgsqlException e)
        {
            return $"port {Port}: {e.Message}";
        }
    }
}
