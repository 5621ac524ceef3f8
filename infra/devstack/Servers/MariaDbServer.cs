using System.Globalization;
using MySqlConnector;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>A MariaDB of the Debian package, with its own data directory, on a loopback port, with the distribution's durability.</summary>
internal sealed class MariaDbServer : StackPart
{
    public const string Name = "mariadb";

    // Not by PATH: that of a user who is not root has no /usr/sbin on Debian. The script looks for it there too.
    private const string Program = "/usr/sbin/mariadbd";

    private const string User = "mysql";
    private const string Owner = "platform";
    private const string Ingest = "ingest";

    private readonly StateDirectory state;

    private MariaDbServer(ChildCommand command, int port, StateDirectory state, TimeProvider time)
        : base(command, port, ownsPort: true, state, time) => this.state = state;

    protected override TimeSpan StartPatience => TimeSpan.FromSeconds(90);

    /// <summary>Starts the server; an empty data directory is initialised first (some seconds).</summary>
    /// <exception cref="DevStackException">It did not start; the message says why.</exception>
    public static async Task<MariaDbServer> StartAsync(StateDirectory state, TimeProvider time, CancellationToken token)
    {
        var home = await state.ServerDirectoryAsync(Name, User, token);
        var data = await InitialiseAsync(home, token);
        var initFile = await WriteInitFileAsync(home, state, token);
        var port = LoopbackPorts.Next();
        string[] line =
        [
            .. Shell.RunAs(User), Program, "--no-defaults", $"--datadir={data}", $"--port={port}", "--bind-address=127.0.0.1",
            // Relative to the data directory: a path of more than 107 bytes cannot name a socket.
            "--socket=mariadb.sock", "--pid-file=mariadb.pid", $"--init-file={initFile}",
            "--innodb-buffer-pool-size=512M", "--innodb-log-file-size=512M", "--max-connections=200", "--max-allowed-packet=64M",
            "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci", "--default-time-zone=+00:00",
            "--skip-name-resolve", "--local-infile=1",
            // MySQL 8's default; with MariaDB's the LOAD DATA of the generator's connections wait for each other.
            "--innodb-autoinc-lock-mode=2",
            "--old-mode=UTF8_IS_UTF8MB3",
        ];
        var command = new ChildCommand(Name, line[0], line[1..]) { StopPatience = TimeSpan.FromSeconds(60) };
        return await ReadyAsync(new MariaDbServer(command, port, state, time), null, token);
    }

    /// <summary>Connection string of the owner, without a database.</summary>
    public string AdminConnectionString => ConnectionString(Owner, database: null);

    /// <summary>The database <paramref name="name"/> with the source schema, created when it is missing.</summary>
    public async Task<MySqlDatabase> SourceDatabaseAsync(string name, CancellationToken token = default)
    {
        await ExecuteAsync($"create database if not exists `{name}`; grant select on `{name}`.* to '{Ingest}'@'127.0.0.1'", token);
        var database = new MySqlDatabase(name, ConnectionString(Owner, name), ConnectionString(Ingest, name));
        await database.ExecuteAsync(SourceSchema.Sql, token);
        return database;
    }

    /// <summary>Runs statements as the owner, outside any database.</summary>
    public async Task ExecuteAsync(string sql, CancellationToken token = default)
    {
        await using var connection = new MySqlConnection(AdminConnectionString);
        await connection.OpenAsync(token);
        await using var command = new MySqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(token);
    }

    private static async Task<string> InitialiseAsync(string home, CancellationToken token)
    {
        var (data, done) = (Path.Combine(home, "data"), Path.Combine(home, "initialised"));
        if (File.Exists(done)) return data;
        // An initialisation that was cut off is begun again.
        if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
        string[] line = [.. Shell.RunAs(User), "mariadb-install-db", "--no-defaults", $"--datadir={data}", "--skip-test-db", "--auth-root-authentication-method=normal"];
        await Shell.RunAsync(line, token);
        await File.WriteAllTextAsync(done, "", token);
        return data;
    }

    // Run by the server before it accepts anybody, at every start: also a server whose first start was cut off has its users.
    private static async Task<string> WriteInitFileAsync(string home, StateDirectory state, CancellationToken token)
    {
        var path = Path.Combine(home, "init.sql");
        string[] statements =
        [
            $"create user if not exists '{Owner}'@'127.0.0.1'",
            $"alter user '{Owner}'@'127.0.0.1' identified by '{state.Password("mariadb-" + Owner)}'",
            $"grant all privileges on *.* to '{Owner}'@'127.0.0.1' with grant option",
            $"create user if not exists '{Ingest}'@'127.0.0.1'",
            $"alter user '{Ingest}'@'127.0.0.1' identified by '{state.Password("mariadb-" + Ingest)}'",
            $"grant process on *.* to '{Ingest}'@'127.0.0.1'",
            $"alter user 'root'@'localhost' identified by '{state.Password("mariadb-root")}'",
        ];
        StateDirectory.WriteSecret(path, string.Concat(statements.Select(statement => statement + ";\n")));
        if (Posix.IsRoot) await Shell.RunAsync(["chown", $"{User}:{User}", path], token);
        return path;
    }

    private string ConnectionString(string user, string? database)
    {
        var parts = new MySqlConnectionStringBuilder
        {
            Server = "127.0.0.1",
            Port = checked((uint)Port),
            UserID = user,
            Password = state.Password("mariadb-" + user),
            SslMode = MySqlSslMode.None,
        };
        // The generator's LOAD DATA LOCAL.
        if (user == Owner) parts.AllowLoadLocalInfile = true;
        if (database is not null) parts.Database = database;
        return parts.ConnectionString;
    }

    protected override async Task<string?> NotReadyAsync(CancellationToken token)
    {
        try
        {
            await ExecuteAsync("select 1", token);
            return null;
        }
        catch (MySqlException e)
        {
            return string.Create(CultureInfo.InvariantCulture, $"port {Port}: {e.Message}");
        }
    }
}
