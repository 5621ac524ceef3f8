using Confluent.Kafka;
using Npgsql;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests.Cli;

/// <summary>The command on servers that run already and belong to others.</summary>
[Collection(nameof(UpTests))]
public sealed class RunningServersTests(Servers servers) : IAsyncDisposable
{
    private const string Rows = "--logs 3000 --ads 1500 --contents 50 --creators 5 --seed 11 --day 2026-11-21";

    private readonly CommandState state = new(servers);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_demo_makes_what_it_needs_on_servers_that_run_already_and_leaves_nothing_there()
    {
        await using var kafka = await TestBroker.StartAsync(servers, servers.NewStateDirectory());
        var source = Named(servers.Source.AdminConnectionString, "demo_source");
        var postgres = new NpgsqlConnectionStringBuilder(servers.Postgres.AdminConnectionString) { Database = "demo_rollups" }.ConnectionString;

        var (exitCode, said) = await RunAsync([.. $"demo {Rows}".Split(' '), "--bootstrap", kafka.Bootstrap, "--source", source, "--postgres", postgres]);

        Assert.True(exitCode == 0, said);
        Assert.Contains("reconciled", said, StringComparison.Ordinal);
        Assert.Contains($"{SourceServer.Describe(servers.Source.Version)} at ", said, StringComparison.Ordinal);
        Assert.Empty(await DatabasesAsync("demo_source"));
        Assert.DoesNotContain(Topics(kafka.Bootstrap), topic => topic.StartsWith("demo-", StringComparison.Ordinal));
        await using var npgsql = NpgsqlDataSource.Create(servers.Postgres.AdminConnectionString);
        await using var left = npgsql.CreateCommand("select count(*) from pg_database where datname = 'demo_rollups'");
        Assert.Equal(0L, await left.ExecuteScalarAsync(Token));
    }

    [Theory]
    [InlineData("demo")]
    [InlineData("bench --runs 1")]
    [InlineData("bench --live --rate 10 --seconds 1")]
    [InlineData("chaos --minutes 1")]
    public async Task A_source_that_the_command_did_not_create_is_not_filled(string line)
    {
        await using var platform = await servers.NewSourceDatabaseAsync();
        await platform.ExecuteAsync("insert into member (nickname) values ('somebody')", Token);

        var (exitCode, said) = await RunAsync([.. line.Split(' '), "--source", platform.OwnerConnectionString]);

        Assert.True(exitCode == 1, said);
        Assert.Contains($"{platform.Name} on 127.0.0.1", said, StringComparison.Ordinal);
        Assert.Contains("was not created by this command", said, StringComparison.Ordinal);
        Assert.Equal(1L, Convert.ToInt64(await platform.ScalarAsync("select count(*) from member", Token), System.Globalization.CultureInfo.InvariantCulture));
        Assert.DoesNotContain("Password=", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stack_on_a_platforms_source_reads_it_and_generate_refuses_it()
    {
        await using var platform = await servers.NewSourceDatabaseAsync();
        await platform.ExecuteAsync("insert into member (nickname) values ('somebody')", Token);
        await using var up = CommandProcess.Start(state.Root, ["up", "--source", platform.OwnerConnectionString], new Dictionary<string, string>());
        await up.SawAsync("Everything runs.");

        var (exitCode, said) = await RunAsync(["generate", "--logs", "10", "--ads", "10"]);

        Assert.True(exitCode == 1, said);
        Assert.Contains("was not created by this command", said, StringComparison.Ordinal);
        Assert.Equal(1L, Convert.ToInt64(await platform.ScalarAsync("select count(*) from member", Token), System.Globalization.CultureInfo.InvariantCulture));
        (exitCode, said) = await RunAsync(["status"]);
        Assert.True(exitCode == 0, said);
        Assert.Contains($"{SourceServer.Describe(servers.Source.Version)} at 127.0.0.1", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_of_PostgreSQL_that_the_command_did_not_create_is_not_written_to()
    {
        await using var theirs = await servers.NewPostgresDatabaseAsync();

        var (exitCode, said) = await RunAsync(["demo", "--postgres", theirs.ConnectionString]);

        Assert.True(exitCode == 1, said);
        Assert.Contains($"{theirs.Name} on 127.0.0.1", said, StringComparison.Ordinal);
        Assert.Equal(0L, await theirs.ScalarAsync("select count(*) from information_schema.schemata where schema_name in ('rollup', 'settlement')", Token));
    }

    [Theory]
    [InlineData("--bootstrap", "127.0.0.1:1", "Kafka at 127.0.0.1:1 does not answer")]
    [InlineData("--source", "Server=127.0.0.1;Port=1;User ID=a;Password=secret;Database=b", "127.0.0.1:1 refused b")]
    [InlineData("--postgres", "Host=127.0.0.1;Port=1;Username=a;Password=secret;Database=b", "PostgreSQL at 127.0.0.1:1")]
    public async Task A_server_that_does_not_answer_is_named(string option, string value, string expected)
    {
        var (exitCode, said) = await RunAsync(["demo", option, value]);
        Assert.True(exitCode == 1, said);
        Assert.Contains(expected, said, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", said, StringComparison.Ordinal);
    }

    public ValueTask DisposeAsync() => state.DisposeAsync();

    private async Task<(int ExitCode, string Output)> RunAsync(IReadOnlyList<string> arguments)
    {
        await using var command = CommandProcess.Start(state.Root, arguments, new Dictionary<string, string>());
        return (await command.ExitAsync(), command.Output);
    }

    private static string Named(string server, string database) => new MySqlConnector.MySqlConnectionStringBuilder(server) { Database = database }.ConnectionString;

    private async Task<List<string>> DatabasesAsync(string name)
    {
        await using var connection = new MySqlConnector.MySqlConnection(servers.Source.AdminConnectionString);
        await connection.OpenAsync(Token);
        await using var command = new MySqlConnector.MySqlCommand("select schema_name from information_schema.schemata where schema_name = @name", connection);
        command.Parameters.AddWithValue("@name", name);
        await using var reader = await command.ExecuteReaderAsync(Token);
        var names = new List<string>();
        while (await reader.ReadAsync(Token)) names.Add(reader.GetString(0));
        return names;
    }

    private static List<string> Topics(string bootstrap)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        return [.. admin.GetMetadata(TimeSpan.FromSeconds(10)).Topics.Select(topic => topic.Topic)];
    }
}
