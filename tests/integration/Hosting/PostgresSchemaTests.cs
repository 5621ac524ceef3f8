using Npgsql;
using StreamSettlement.Aggregator;
using StreamSettlement.Hosting;

namespace StreamSettlement.IntegrationTests.Hosting;

public sealed class PostgresSchemaTests(Servers servers)
{
    [Fact]
    public async Task Services_that_start_at_once_migrate_once()
    {
        await using var database = await servers.NewPostgresDatabaseAsync();
        await using var postgres = NpgsqlDataSource.Create(database.ConnectionString);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => MigrateAsync(postgres)));
        await MigrateAsync(postgres);

        Assert.Equal(1L, await database.ScalarAsync("select count(*) from rollup.schema_version where version = 1", TestContext.Current.CancellationToken));
        Assert.Equal(1L, await database.ScalarAsync("select count(*) from rollup.generation", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_schema_of_a_newer_program_is_refused_and_left_as_it_is()
    {
        await using var database = await servers.NewPostgresDatabaseAsync();
        await using var postgres = NpgsqlDataSource.Create(database.ConnectionString);
        await MigrateAsync(postgres);
        await database.ExecuteAsync("insert into rollup.schema_version (version, file) values (999, '999_tomorrow.sql')", TestContext.Current.CancellationToken);

        var refused = await Assert.ThrowsAsync<SchemaTooNewException>(() => MigrateAsync(postgres));

        Assert.Contains("schema 'rollup' has version 999", refused.Message, StringComparison.Ordinal);
    }

    private static Task MigrateAsync(NpgsqlDataSource postgres) =>
        PostgresSchema.MigrateAsync(postgres, "rollup", typeof(AggregatorOptions).Assembly, TestContext.Current.CancellationToken);
}
