namespace StreamSettlement.DevStack.Servers;

/// <summary>
/// Which servers a stack runs on. What nothing is said about is started from what the machine has: MySQL or else MariaDB, PostgreSQL,
/// and the development broker.
/// </summary>
internal sealed record ServerChoice
{
    /// <summary>Folder of an Apache Kafka distribution, with libs/: started as a child process. Null: the development broker.</summary>
    public string? KafkaHome { get; init; }

    /// <summary>Folder, or program, of MySQL: started as a child process. Null: MySQL if it is installed, else MariaDB.</summary>
    public string? MySqlHome { get; init; }

    /// <summary>host:port,… of a Kafka that runs already.</summary>
    public string? Bootstrap { get; init; }

    /// <summary>Connection string, with a database, of a MySQL or MariaDB that runs already.</summary>
    public string? Source { get; init; }

    /// <summary>Connection string, with a database, of a PostgreSQL that runs already.</summary>
    public string? Postgres { get; init; }

    /// <summary>What the variables KAFKA_HOME and MYSQL_HOME say.</summary>
    public static ServerChoice OfEnvironment() => new() { KafkaHome = Variable("KAFKA_HOME"), MySqlHome = Variable("MYSQL_HOME") };

    /// <summary>Looks whether the homes hold what they are named for, before anything is started or deleted.</summary>
    /// <returns>This choice.</returns>
    /// <exception cref="PrerequisiteException">A home does not hold its server, or what that needs is missing or too old.</exception>
    public async Task<ServerChoice> CheckedAsync(CancellationToken token)
    {
        if (KafkaHome is not null && Bootstrap is null) await KafkaDistribution.OfAsync(KafkaHome, token);
        if (MySqlHome is not null && Source is null) await MySqlProgram.OfHomeAsync(MySqlHome, SourceServer.SystemUser, token);
        return this;
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? Path.GetFullPath(value) : null;
}
