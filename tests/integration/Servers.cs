using System.Globalization;
using MySqlConnector;
using Npgsql;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.IntegrationTests;

[assembly: AssemblyFixture(typeof(Servers))]

namespace StreamSettlement.IntegrationTests;

/// <summary>
/// One MySQL or MariaDB (MYSQL_HOME says which), one PostgreSQL and, where KAFKA_HOME names one, one Apache Kafka for all integration tests: a test
/// class takes it as constructor argument and asks for databases of its own (and a <see cref="TestBroker"/>), so that tests run in parallel and in
/// any order:
/// <code>
/// public sealed class PageTests(Servers servers)
/// {
///     [Fact]
///     public async Task A_row_is_read_once()
///     {
///         await using var source = await servers.NewSourceDatabaseAsync();      // infra/mysql/schema.sql is applied
///         await using var postgres = await servers.NewPostgresDatabaseAsync();  // empty; the service makes its own schema
/// </code>
/// The data directories stay under .local/tests between runs: starting takes two seconds then, not ten. Logs lie there too.
/// </summary>
public sealed class Servers : IAsyncLifetime
{
    private StateDirectory? state;
    private StackLock? stackLock;
    private SourceServer? source;
    private PostgresServer? postgres;
    private KafkaBroker? kafka;
    private int databases;
    private int stacks;

    internal StateDirectory State => state ?? throw new InvalidOperationException("the fixture has not been initialised");

    /// <summary>The shared server of source databases.</summary>
    internal SourceServer Source => source ?? throw new InvalidOperationException("the fixture has not been initialised");

    /// <summary>Where the source's MySQL is; null for what is installed.</summary>
    internal static string? MySqlHome => ServerChoice.OfEnvironment().MySqlHome;

    internal PostgresServer Postgres => postgres ?? throw new InvalidOperationException("the fixture has not been initialised");

    /// <summary>The folder of the Apache Kafka that the tests run on; null: development brokers.</summary>
    internal static string? KafkaHome => ServerChoice.OfEnvironment().KafkaHome;

    /// <summary>The Apache Kafka that tests share; null: each has a development broker of its own.</summary>
    internal KafkaBroker? Kafka => kafka;

    /// <summary>A server of source databases of a test's own, of the same product as the shared one.</summary>
    internal static Task<SourceServer> StartSourceAsync(StateDirectory state, CancellationToken token) =>
        SourceServer.StartAsync(MySqlHome, state, TimeProvider.System, token);

    /// <summary>A database with the source schema and no rows, dropped when disposed.</summary>
    internal Task<MySqlDatabase> NewSourceDatabaseAsync() =>
        Source.SourceDatabaseAsync(NewName("source"), TestContext.Current.CancellationToken);

    /// <summary>An empty database owned by the user of its connection string, dropped when disposed.</summary>
    internal Task<PostgresDatabase> NewPostgresDatabaseAsync() =>
        Postgres.DatabaseAsync(NewName("test"), TestContext.Current.CancellationToken);

    /// <summary>A state directory for processes of one test; its logs stay until the next run of the tests.</summary>
    internal StateDirectory NewStateDirectory() =>
        new(Path.Combine(State.Root, "stacks", Interlocked.Increment(ref stacks).ToString(CultureInfo.InvariantCulture)));

    public async ValueTask InitializeAsync()
    {
        // Two runs of the tests at once take two slots.
        for (var slot = 0; stackLock is null; slot++)
        {
            state = new StateDirectory(Path.Combine(Repository.Root, ".local", "tests", slot.ToString(CultureInfo.InvariantCulture)));
            stackLock = StackLock.TryTake(state);
        }
        await RemoveLeftoversAsync();
        var starts = (StartSourceAsync(State, default), PostgresServer.StartAsync(State, TimeProvider.System, default), StartKafkaAsync());
        source = await starts.Item1;
        postgres = await starts.Item2;
        kafka = await starts.Item3;
        await DropLeftoverDatabasesAsync();
        TestedServers.Write([kafka?.Description ?? DevBrokerServer.ProductName, SourceServer.Describe(source.Version), $"PostgreSQL {postgres.Version}"]);
    }

    public async ValueTask DisposeAsync()
    {
        if (source is not null) await source.DisposeAsync();
        if (postgres is not null) await postgres.DisposeAsync();
        if (kafka is not null) await kafka.DisposeAsync();
        stackLock?.Dispose();
    }

    private async Task<KafkaBroker?> StartKafkaAsync()
    {
        if (KafkaHome is null) return null;
        // Topics of a run that was killed.
        KafkaBroker.DeleteData(State);
        return await KafkaBroker.StartAsync(KafkaHome, State, TimeProvider.System, default);
    }

    private string NewName(string prefix) => string.Create(CultureInfo.InvariantCulture, $"{prefix}_{Interlocked.Increment(ref databases)}");

    private async Task RemoveLeftoversAsync()
    {
        var used = Path.Combine(State.Root, "stacks");
        if (Directory.Exists(used))
        {
            // A test's own processes, and below them those of the commands that it ran.
            foreach (var run in Directory.GetDirectories(used, "run", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 2 }))
                await Leftovers.StopAsync(new StateDirectory(Path.GetDirectoryName(run)!), TimeProvider.System);
            Directory.Delete(used, recursive: true);
        }
        await Leftovers.StopAsync(State, TimeProvider.System);
    }

    // Of a run that was killed.
    private async Task DropLeftoverDatabasesAsync()
    {
        await using (var mysql = new MySqlConnection(Source.AdminConnectionString))
        {
            await mysql.OpenAsync();
            foreach (var name in await NamesAsync(new MySqlCommand("select schema_name from information_schema.schemata where schema_name like 'source\\_%'", mysql)))
                await Source.ExecuteAsync($"drop database `{name}`");
        }
        await using var npgsql = new NpgsqlConnection(Postgres.AdminConnectionString);
        await npgsql.OpenAsync();
        foreach (var name in await NamesAsync(new NpgsqlCommand("select datname from pg_database where datname like 'test\\_%'", npgsql)))
            await Postgres.ExecuteAsync($"drop database \"{name}\" with (force)");
    }

    private static async Task<List<string>> NamesAsync(System.Data.Common.DbCommand query)
    {
        await using var command = query;
        await using var reader = await command.ExecuteReaderAsync();
        var names = new List<string>();
        while (await reader.ReadAsync()) names.Add(reader.GetString(0));
        return names;
    }
}
