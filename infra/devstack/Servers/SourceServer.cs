using System.Globalization;
using MySqlConnector;
using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>The server of the platform's database: MySQL or MariaDB, each with a data directory of its own, on a loopback port.</summary>
internal abstract class SourceServer : StackPart
{
    /// <summary>System user that the servers run as when this process is root, which they refuse to run as.</summary>
    public const string SystemUser = "mysql";

    private const string Owner = "platform";
    private const string Ingest = "ingest";

    private readonly StateDirectory state;
    private readonly string name;

    protected SourceServer(ChildCommand command, int port, StateDirectory state, TimeProvider time)
        : base(command, port, ownsPort: true, state, time) => (this.state, name) = (state, command.Name);

    /// <summary>Names of the processes of either product.</summary>
    public static IReadOnlyList<string> Names { get; } = [MySqlServer.Name, MariaDbServer.Name];

    /// <summary>MySQL or MariaDB.</summary>
    public abstract string Product { get; }

    /// <summary>As the server says: <c>9.7.4</c>, <c>10.11.14-MariaDB-0+deb12u2</c>.</summary>
    public string Version { get; private set; } = "";

    /// <summary>Connection string of the owner, without a database.</summary>
    public string AdminConnectionString => ConnectionString(Owner, database: null);

    protected override TimeSpan StartPatience => TimeSpan.FromSeconds(90);

    /// <summary>Starts the server; an empty data directory is initialised first (some seconds).</summary>
    /// <param name="mySqlHome">
    /// A folder that holds mysqld, sbin/mysqld or bin/mysqld, or the path of that program. Null: MySQL where it is installed, else MariaDB.
    /// </param>
    /// <exception cref="PrerequisiteException"><paramref name="mySqlHome"/> holds no MySQL 8.0 or later, or nothing is installed.</exception>
    /// <exception cref="DevStackException">It did not start; the message says why.</exception>
    public static async Task<SourceServer> StartAsync(string? mySqlHome, StateDirectory state, TimeProvider time, CancellationToken token)
    {
        var program = mySqlHome is null ? await MySqlProgram.InstalledAsync(token) : await MySqlProgram.OfHomeAsync(mySqlHome, SystemUser, token);
        return program is null ? await MariaDbServer.StartAsync(state, time, token) : await MySqlServer.StartAsync(program, state, time, token);
    }

    /// <param name="version">As the server says it.</param>
    /// <returns>"MySQL 9.7.4", "MariaDB 10.11.14".</returns>
    public static string Describe(string version) =>
        $"{(version.Contains("MariaDB", StringComparison.OrdinalIgnoreCase) ? "MariaDB" : "MySQL")} {version.Split('-', ' ')[0]}";

    /// <summary>The database <paramref name="database"/> with the source schema, created when it is missing.</summary>
    public async Task<MySqlDatabase> SourceDatabaseAsync(string database, CancellationToken token = default)
    {
        await ExecuteAsync($"create database if not exists `{database}`; grant select on `{database}`.* to '{Ingest}'@'127.0.0.1'", token);
        var source = new MySqlDatabase(database, ConnectionString(Owner, database), ConnectionString(Ingest, database));
        await source.ExecuteAsync(SourceSchema.Sql, token);
        return source;
    }

    /// <summary>Runs statements as the owner, outside any database.</summary>
    public async Task ExecuteAsync(string sql, CancellationToken token = default)
    {
        await using var connection = new MySqlConnection(AdminConnectionString);
        await connection.OpenAsync(token);
        await using var command = new MySqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(token);
    }

    /// <summary>Options that both products take, after <c>--no-defaults</c>.</summary>
    /// <param name="home">The server's directory: its data lies in data/ below it.</param>
    protected static IReadOnlyList<string> CommonOptions(string name, string home, int port, string initFile) =>
    [
        $"--datadir={Path.Combine(home, "data")}", string.Create(CultureInfo.InvariantCulture, $"--port={port}"), "--bind-address=127.0.0.1",
        // Relative to the data directory: a path of more than 107 bytes cannot name a socket.
        $"--socket={name}.sock", $"--pid-file={name}.pid", $"--init-file={initFile}",
        "--innodb-buffer-pool-size=512M", "--max-connections=200", "--max-allowed-packet=64M", "--default-time-zone=+00:00",
        "--skip-name-resolve", "--local-infile=1",
    ];

    protected static ChildCommand Command(string name, IReadOnlyList<string> line) =>
        new(name, line[0], [.. line.Skip(1)]) { StopPatience = TimeSpan.FromSeconds(60) };

    /// <summary>Makes the data directory below <paramref name="home"/> unless that is done.</summary>
    /// <param name="line">What makes it.</param>
    protected static async Task InitialiseAsync(string home, IReadOnlyList<string> line, CancellationToken token)
    {
        var (data, done) = (Path.Combine(home, "data"), Path.Combine(home, "initialised"));
        if (File.Exists(done)) return;
        // An initialisation that was cut off is begun again.
        if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
        await Shell.RunAsync([.. Shell.RunAs(SystemUser), .. line], token);
        await File.WriteAllTextAsync(done, "", token);
    }

    // Run by the server before it accepts anybody, at every start: also a server whose first start was cut off has its users.
    protected static async Task<string> WriteInitFileAsync(string name, string home, StateDirectory state, CancellationToken token)
    {
        var path = Path.Combine(home, "init.sql");
        string[] statements =
        [
            $"create user if not exists '{Owner}'@'127.0.0.1'",
            $"alter user '{Owner}'@'127.0.0.1' identified by '{Password(state, name, Owner)}'",
            $"grant all privileges on *.* to '{Owner}'@'127.0.0.1' with grant option",
            $"create user if not exists '{Ingest}'@'127.0.0.1'",
            $"alter user '{Ingest}'@'127.0.0.1' identified by '{Password(state, name, Ingest)}'",
            $"grant process on *.* to '{Ingest}'@'127.0.0.1'",
            $"alter user 'root'@'localhost' identified by '{Password(state, name, "root")}'",
        ];
        StateDirectory.WriteSecret(path, string.Concat(statements.Select(statement => statement + ";\n")));
        if (Posix.IsRoot) await Shell.RunAsync(["chown", $"{SystemUser}:{SystemUser}", path], token);
        return path;
    }

    /// <summary>Waits until a server is ready that has just been constructed, and asks for its version.</summary>
    protected static Task<T> ReadyAsync<T>(T server, CancellationToken token)
        where T : SourceServer => ReadyAsync(server, static (server, token) => server.AskVersionAsync(token), token);

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

    private static string Password(StateDirectory state, string name, string user) => state.Password($"{name}-{user}");

    private async Task AskVersionAsync(CancellationToken token)
    {
        await using var connection = new MySqlConnection(AdminConnectionString);
        await connection.OpenAsync(token);
        // Not the connection's ServerVersion: MariaDB puts 5.5.5- before its own for clients.
        await using var command = new MySqlCommand("select version()", connection);
        Version = (string)(await command.ExecuteScalarAsync(token))!;
    }

    // Encrypted where the server offers it, as MySQL does and MariaDB does not: what a driver does that is told nothing.
    private string ConnectionString(string user, string? database)
    {
        var parts = new MySqlConnectionStringBuilder
        {
            Server = "127.0.0.1",
            Port = checked((uint)Port),
            UserID = user,
            Password = Password(state, name, user),
        };
        // The generator's LOAD DATA LOCAL.
        if (user == Owner) parts.AllowLoadLocalInfile = true;
        if (database is not null) parts.Database = database;
        return parts.ConnectionString;
    }
}
