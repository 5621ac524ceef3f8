using DotNet.Testcontainers.Builders;
using StreamSettlement.ContainerTests;
using StreamSettlement.DevStack.Servers;
using Testcontainers.Kafka;
using Testcontainers.MySql;
using Testcontainers.PostgreSql;

[assembly: AssemblyFixture(typeof(Containers))]

namespace StreamSettlement.ContainerTests;

/// <summary>Apache Kafka, MySQL and PostgreSQL in containers of this run. Where no Docker answers there are none, and <see cref="WhyNot"/> says why.</summary>
public sealed class Containers : IAsyncLifetime
{
    private const string Password = "containers";
    private const ushort MySqlPort = 3306;

    private KafkaContainer? _kafka;
    private MySqlContainer? _mysql;
    private PostgreSqlContainer? _postgres;

    /// <summary>Null where the containers run.</summary>
    public string? WhyNot { get; private set; }

    public string Bootstrap => _kafka!.GetBootstrapAddress();

    /// <summary>Databases of their names are created by the run that is given them.</summary>
    internal ServerChoice Servers => new()
    {
        Bootstrap = Bootstrap,
        Source = $"Server={_mysql!.Hostname};Port={_mysql.GetMappedPublicPort(MySqlPort)};User ID=root;Password={Password};Database=platform_of_the_tests",
        Postgres = new Npgsql.NpgsqlConnectionStringBuilder(_postgres!.GetConnectionString()) { Database = "rollups_of_the_tests" }.ConnectionString,
    };

    public async ValueTask InitializeAsync()
    {
        try
        {
            _kafka = new KafkaBuilder("apache/kafka:4.4.0").Build();
            _mysql = new MySqlBuilder("mysql:8.4").WithUsername("root").WithPassword(Password).WithCommand("--local-infile=1", "--default-time-zone=+00:00").Build();
            _postgres = new PostgreSqlBuilder("postgres:18").Build();
        }
        catch (DockerUnavailableException none)
        {
            WhyNot = $"Docker does not answer: {none.Message.Split('\n')[0]}";
            return;
        }
        await Task.WhenAll(_kafka.StartAsync(), _mysql.StartAsync(), _postgres.StartAsync());
        TestedServers.Write(["Apache Kafka 4.4.0, MySQL 8.4, PostgreSQL 18 in containers"]);
    }

    public async ValueTask DisposeAsync()
    {
        if (_kafka is not null) await _kafka.DisposeAsync();
        if (_mysql is not null) await _mysql.DisposeAsync();
        if (_postgres is not null) await _postgres.DisposeAsync();
    }
}
