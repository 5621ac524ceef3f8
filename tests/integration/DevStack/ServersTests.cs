using MySqlConnector;

namespace StreamSettlement.IntegrationTests.DevStack;

public sealed class ServersTests(Servers servers)
{
    [Fact]
    public async Task A_source_database_has_the_schema_and_no_rows()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        Assert.Equal(0L, await source.ScalarAsync("select count(*) from daily_member_view_log", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Ingest_may_read_the_source_and_see_transactions_but_change_nothing()
    {
        var token = TestContext.Current.CancellationToken;
        await using var source = await servers.NewSourceDatabaseAsync();
        await using var connection = new MySqlConnection(source.IngestConnectionString);
        await connection.OpenAsync(token);
        foreach (var sql in new[] { "select count(*) from member", "select count(*) from information_schema.innodb_trx", "select count(*) from information_schema.processlist" })
        {
            await using var allowed = new MySqlCommand(sql, connection);
            await allowed.ExecuteScalarAsync(token);
        }
        await using var refused = new MySqlCommand("insert into member (nickname) values ('x')", connection);
        await Assert.ThrowsAsync<MySqlException>(() => refused.ExecuteNonQueryAsync(token));
    }

    [Fact]
    public async Task Two_databases_of_PostgreSQL_share_nothing()
    {
        var token = TestContext.Current.CancellationToken;
        await using var one = await servers.NewPostgresDatabaseAsync();
        await using var two = await servers.NewPostgresDatabaseAsync();
        await one.ExecuteAsync("create table only_here (id int)", token);
        Assert.NotNull(await one.ScalarAsync("select to_regclass('only_here')::text", token));
        Assert.Null(await two.ScalarAsync("select to_regclass('only_here')::text", token));
    }

    [Fact]
    public async Task PostgreSQL_keeps_its_durability()
    {
        await using var postgres = await servers.NewPostgresDatabaseAsync();
        Assert.Equal("on", await postgres.ScalarAsync("show fsync", TestContext.Current.CancellationToken));
        Assert.Equal("on", await postgres.ScalarAsync("show synchronous_commit", TestContext.Current.CancellationToken));
    }
}
