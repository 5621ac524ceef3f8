using System.Text.Json;
using MySqlConnector;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Processes;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.DevStack;

/// <summary>Where a running stack is reached; written beside its pid files for the commands of other terminals.</summary>
/// <param name="MySql">Connection string of the owner of the source database.</param>
/// <param name="Postgres">Connection string of the services.</param>
/// <param name="SigningKey">Key of the tokens that the settlement service accepts.</param>
/// <param name="Servers">What it runs on, with versions; see <see cref="LocalStack.Servers"/>.</param>
/// <param name="TopicPrefix">Prefix of every topic, group and client id.</param>
internal sealed record StackEndpoints(
    Uri SettlementApi, Uri IngestApi, Uri AggregatorApi, string KafkaBootstrap, string MySql, string Postgres, string SigningKey,
    IReadOnlyDictionary<string, string> Servers, string TopicPrefix = "")
{
    private const string FileName = "endpoints.json";

    public Topics Topics => new(TopicPrefix);

    public MySqlDatabase Source => new(new MySqlConnectionStringBuilder(MySql).Database, MySql, MySql);

    /// <returns>Null when no stack runs from <paramref name="state"/>.</returns>
    public static StackEndpoints? OfRunning(StateDirectory state)
    {
        var path = Path.Combine(state.RunDirectory, FileName);
        var runs = Directory.GetFiles(state.RunDirectory, "*.pid").Any(file => ProcessRecord.Read(file) is { IsRunning: true });
        if (!File.Exists(path) || !runs) return null;
        return JsonSerializer.Deserialize<StackEndpoints>(File.ReadAllText(path));
    }

    public void Write(StateDirectory state) => StateDirectory.WriteSecret(Path.Combine(state.RunDirectory, FileName), JsonSerializer.Serialize(this));

    public static void Remove(StateDirectory state) => StateDirectory.Remove(Path.Combine(state.RunDirectory, FileName));

    /// <summary>A bearer token in the name of the user who runs this.</summary>
    public string Token(DateTimeOffset now) => OperatorToken.Mint(SigningKey, Environment.UserName, now);

    /// <summary>The addresses and a fresh token as variables of the environment, by their public names.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Variables(DateTimeOffset now)
    {
        var (mysql, postgres) = (new MySqlConnectionStringBuilder(MySql), new NpgsqlConnectionStringBuilder(Postgres));
        return
        [
            new("SETTLEMENT_API", Address(SettlementApi)),
            new("SETTLEMENT_TOKEN", Token(now)),
            new("INGEST_API", Address(IngestApi)),
            new("AGGREGATOR_API", Address(AggregatorApi)),
            new("KAFKA_BOOTSTRAP", KafkaBootstrap),
            new("TOPIC_PREFIX", TopicPrefix),
            new("MYSQL_HOST", mysql.Server),
            new("MYSQL_PORT", $"{mysql.Port}"),
            new("MYSQL_USER", mysql.UserID),
            new("MYSQL_PASSWORD", mysql.Password),
            new("MYSQL_DATABASE", mysql.Database),
            new("PGHOST", postgres.Host!),
            new("PGPORT", $"{postgres.Port}"),
            new("PGUSER", postgres.Username!),
            new("PGPASSWORD", postgres.Password!),
            new("PGDATABASE", postgres.Database!),
        ];
    }

    private static string Address(Uri uri) => uri.ToString().TrimEnd('/');
}
