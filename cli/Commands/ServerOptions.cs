using System.CommandLine;
using System.CommandLine.Parsing;
using MySqlConnector;
using Npgsql;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Cli.Commands;

/// <summary>What demo, up, chaos, bench and test say about the servers that they run on.</summary>
internal sealed class ServerOptions
{
    private readonly Option<string?> kafka = Home("--kafka", "KAFKA_HOME", "Start Apache Kafka from this folder (with libs/; needs Java 17) instead of the development broker.");
    private readonly Option<string?> mysql = Home("--mysql", "MYSQL_HOME", "Start MySQL from this folder or program (mysqld) instead of what is installed.");
    private readonly Option<string?> bootstrap = Options.Addresses("--bootstrap", "A Kafka that runs already.");
    private readonly Option<string?> source = Connection("--source", "A MySQL or MariaDB that runs already", text => new MySqlConnectionStringBuilder(text).Database);
    private readonly Option<string?> postgres = Connection("--postgres", "A PostgreSQL that runs already", text => new NpgsqlConnectionStringBuilder(text).Database);

    /// <param name="command">Takes the options.</param>
    /// <param name="running">Whether servers that run already may be named.</param>
    public ServerOptions(Command command, bool running)
    {
        command.Options.Add(kafka);
        command.Options.Add(mysql);
        if (!running) return;
        command.Options.Add(bootstrap);
        command.Options.Add(source);
        command.Options.Add(postgres);
        command.Validators.Add(result =>
        {
            if (Options.Given(result, kafka) && Options.Given(result, bootstrap)) result.AddError("--kafka starts a Kafka, --bootstrap names one that runs: give one of them.");
            if (Options.Given(result, mysql) && Options.Given(result, source)) result.AddError("--mysql starts a MySQL, --source names one that runs: give one of them.");
        });
    }

    /// <summary>What the options say, and where they say nothing, the environment.</summary>
    /// <exception cref="PrerequisiteException">A named server is not where it is said to be, or what it needs is missing.</exception>
    public Task<ServerChoice> ReadAsync(ParseResult parsed, CancellationToken token)
    {
        var environment = ServerChoice.OfEnvironment();
        return new ServerChoice
        {
            KafkaHome = parsed.GetValue(kafka) ?? environment.KafkaHome,
            MySqlHome = parsed.GetValue(mysql) ?? environment.MySqlHome,
            Bootstrap = parsed.GetValue(bootstrap),
            Source = parsed.GetValue(source),
            Postgres = parsed.GetValue(postgres),
        }.CheckedAsync(token);
    }

    private static Option<string?> Home(string name, string variable, string description) => new(name)
    {
        Description = $"{description} Also: environment {variable}.",
        HelpName = "HOME",
        CustomParser = result =>
        {
            var text = result.Tokens.Single().Value;
            if (text.Length > 0) return Path.GetFullPath(text);
            result.AddError($"{name} is empty: expected a folder.");
            return null;
        },
    };

    private static Option<string?> Connection(string name, string description, Func<string, string?> database) => new(name)
    {
        Description = $"{description}, as a connection string that names a database.",
        HelpName = "CONNECTION",
        CustomParser = result =>
        {
            var text = result.Tokens.Single().Value;
            try
            {
                if (database(text) is { Length: > 0 }) return text;
                result.AddError($"{name} names no database: expected host, port, user, password and database.");
            }
            catch (ArgumentException malformed)
            {
                // The text itself is not repeated: it may hold a password.
                result.AddError($"{name} is not a connection string: {malformed.Message}");
            }
            return null;
        },
    };
}
