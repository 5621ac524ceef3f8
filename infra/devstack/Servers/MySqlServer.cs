using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>
/// MySQL itself, 8.0 or later, as its makers ship it: caching_sha2_password, TLS, a binary log, full durability. On top of that it refuses tables
/// without a primary key, as replicated servers do.
/// </summary>
internal sealed class MySqlServer : SourceServer
{
    public const string Name = "mysql";

    private MySqlServer(ChildCommand command, int port, StateDirectory state, TimeProvider time)
        : base(command, port, state, time)
    {
    }

    public override string Product => "MySQL";

    /// <summary>Starts the server; an empty data directory is initialised first (some seconds).</summary>
    /// <exception cref="DevStackException">It did not start; the message says why.</exception>
    public static async Task<MySqlServer> StartAsync(MySqlProgram program, StateDirectory state, TimeProvider time, CancellationToken token)
    {
        var home = await state.ServerDirectoryAsync(Name, SystemUser, token);
        await InitialiseAsync(home, [program.Path, "--no-defaults", "--initialize-insecure", $"--datadir={Path.Combine(home, "data")}"], token);
        var initFile = await WriteInitFileAsync(Name, home, state, token);
        var port = LoopbackPorts.Next();
        string[] line =
        [
            .. Shell.RunAs(SystemUser), program.Path, "--no-defaults", .. CommonOptions(Name, home, port, initFile),
            // Loose: of a later 8.0 than the first.
            "--loose-innodb-redo-log-capacity=512M", "--loose-sql-require-primary-key=ON",
            // The X protocol would take a second port. Logs of changes that nobody replicates pile up for a month otherwise.
            "--loose-mysqlx=OFF", "--binlog-expire-logs-seconds=3600",
        ];
        return await ReadyAsync(new MySqlServer(Command(Name, line), port, state, time), token);
    }
}
