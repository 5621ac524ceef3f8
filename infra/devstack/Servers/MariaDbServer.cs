using StreamSettlement.DevStack.Processes;

namespace StreamSettlement.DevStack.Servers;

/// <summary>A MariaDB of the Debian package, with the distribution's durability.</summary>
internal sealed class MariaDbServer : SourceServer
{
    public const string Name = "mariadb";

    // Not by PATH: that of a user who is not root has no /usr/sbin on Debian. The script looks for it there too.
    private const string Program = "/usr/sbin/mariadbd";

    private MariaDbServer(ChildCommand command, int port, StateDirectory state, TimeProvider time)
        : base(command, port, state, time)
    {
    }

    public override string Product => "MariaDB";

    /// <summary>Starts the server; an empty data directory is initialised first (some seconds).</summary>
    /// <exception cref="PrerequisiteException">It is not installed.</exception>
    /// <exception cref="DevStackException">It did not start; the message says why.</exception>
    public static async Task<MariaDbServer> StartAsync(StateDirectory state, TimeProvider time, CancellationToken token)
    {
        if (!File.Exists(Program))
            throw new PrerequisiteException($"Neither MySQL nor MariaDB is installed ({Program} is missing): apt-get install mariadb-server, or name the folder of a MySQL.");
        var home = await state.ServerDirectoryAsync(Name, SystemUser, token);
        await InitialiseAsync(
            home,
            ["mariadb-install-db", "--no-defaults", $"--datadir={Path.Combine(home, "data")}", "--skip-test-db", "--auth-root-authentication-method=normal"],
            token);
        var initFile = await WriteInitFileAsync(Name, home, state, token);
        var port = LoopbackPorts.Next();
        string[] line =
        [
            .. Shell.RunAs(SystemUser), Program, "--no-defaults", .. CommonOptions(Name, home, port, initFile),
            "--innodb-log-file-size=512M", "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci",
            // MySQL 8's default; with MariaDB's the LOAD DATA of the generator's connections wait for each other.
            "--innodb-autoinc-lock-mode=2",
        ];
        return await ReadyAsync(new MariaDbServer(Command(Name, line), port, state, time), token);
    }
}
