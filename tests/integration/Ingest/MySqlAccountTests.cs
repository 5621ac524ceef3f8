using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.IntegrationTests.Ingest;

/// <summary>How ingest's account reaches MySQL itself: caching_sha2_password, with TLS and without.</summary>
public sealed class MySqlAccountTests(Servers servers)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_account_of_MySQLs_default_kind_reads_over_TLS()
    {
        await using var source = await NewDatabaseAsync();
        var account = await NewAccountAsync(source);
        Assert.Equal("caching_sha2_password", await source.ScalarAsync($"select plugin from mysql.user where user = '{account.UserID}'", Token));
        await AssertReadsAsync(source, account);
        Assert.NotEqual("", await CipherAsync(account));
    }

    [Fact]
    public async Task Without_TLS_it_asks_the_server_for_its_public_key()
    {
        await using var source = await NewDatabaseAsync();
        var account = await NewAccountAsync(source);
        account.SslMode = MySqlSslMode.None;
        // The driver asks a server of its own machine anyway.
        account.AllowPublicKeyRetrieval = true;
        await AssertReadsAsync(source, account);
        Assert.Equal("", await CipherAsync(account));
    }

    [Fact]
    public async Task An_account_that_requires_TLS_is_refused_without_it_and_does_not_wait_for_it()
    {
        await using var source = await NewDatabaseAsync();
        var account = await NewAccountAsync(source, "require ssl");
        await AssertReadsAsync(source, account);
        account.SslMode = MySqlSslMode.None;
        account.AllowPublicKeyRetrieval = true;
        await Assert.ThrowsAsync<MySqlException>(() => Source(account).TryAcquireAsync(Token));
    }

    [Fact]
    public async Task A_locked_account_is_refused_with_the_servers_words()
    {
        await using var source = await NewDatabaseAsync();
        var account = await NewAccountAsync(source, "account lock");
        var refused = await Assert.ThrowsAsync<MySqlException>(() => Source(account).TryAcquireAsync(Token));
        Assert.Contains("Account is locked", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_prepared_for_pages_does_not_grow_with_the_pages()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await source.AddViewsAsync(300);
        await using var session = await Source(new MySqlConnectionStringBuilder(source.IngestConnectionString)).TryAcquireAsync(Token);
        var before = await PreparedAsync(source);
        var at = SourcePosition.Beginning;
        for (var pages = 0; pages < 300; pages++)
        {
            using var page = await session!.ReadPageAsync(SourceStream.ViewLogs, at, SourceTime.FromUtc(new DateTime(2200, 1, 1, 0, 0, 0, DateTimeKind.Utc)), 1, Token);
            at = page.End;
        }
        // Other tests read beside this one: a few statements each.
        Assert.InRange(await PreparedAsync(source) - before, -100, 100);
    }

    private async Task<MySqlDatabase> NewDatabaseAsync()
    {
        if (servers.Source is not MySqlServer) Assert.Skip("MariaDB has no caching_sha2_password, and no TLS by default");
        return await servers.NewSourceDatabaseAsync();
    }

    /// <summary>New, so that the server has not cached its password's hash: only then does it want TLS or the key.</summary>
    private static async Task<MySqlConnectionStringBuilder> NewAccountAsync(MySqlDatabase source, string options = "")
    {
        var user = $"reader_{source.Name}";
        await source.ExecuteAsync(
            $"drop user if exists '{user}'@'127.0.0.1'; create user '{user}'@'127.0.0.1' identified by 'pw' {options}; "
            + $"grant select on `{source.Name}`.* to '{user}'@'127.0.0.1'; grant process on *.* to '{user}'@'127.0.0.1'", Token);
        return new MySqlConnectionStringBuilder(source.IngestConnectionString) { UserID = user, Password = "pw" };
    }

    private static MySqlSource Source(MySqlConnectionStringBuilder account) =>
        new(new IngestOptions { KafkaBootstrap = "unused:1", MySql = account.ConnectionString }, TimeProvider.System);

    private static async Task AssertReadsAsync(MySqlDatabase source, MySqlConnectionStringBuilder account)
    {
        await source.AddViewsAsync(1);
        await using var session = await Source(account).TryAcquireAsync(Token) ?? throw new InvalidOperationException("somebody else reads this database");
        var look = await session.LookAsync(fresh: true, Token);
        Assert.NotNull(look.Open);
        using var page = await session.ReadPageAsync(SourceStream.ViewLogs, SourcePosition.Beginning, look.Now + TimeSpan.FromDays(1), 10, Token);
        Assert.NotEqual(0, page.Count);
    }

    private static async Task<string> CipherAsync(MySqlConnectionStringBuilder account)
    {
        await using var connection = new MySqlConnection(account.ConnectionString);
        await connection.OpenAsync(Token);
        return await ValueAsync(connection, "show session status like 'Ssl_cipher'");
    }

    private static async Task<int> PreparedAsync(MySqlDatabase source)
    {
        await using var connection = await source.OpenAsync(Token);
        return int.Parse(await ValueAsync(connection, "show global status like 'Prepared_stmt_count'"), System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <returns>The second column of the only row.</returns>
    private static async Task<string> ValueAsync(MySqlConnection connection, string sql)
    {
        await using var command = new MySqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync(Token);
        Assert.True(await reader.ReadAsync(Token));
        return reader.GetString(1);
    }
}
