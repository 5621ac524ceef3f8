using System.Runtime.Versioning;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests.DevStack;

public sealed class SourceServerTests(Servers servers)
{
    [Fact]
    public async Task A_server_says_what_it_is()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        var server = servers.Source;
        Assert.Equal(server.Version, await source.ScalarAsync("select version()", TestContext.Current.CancellationToken));
        Assert.Matches($@"^{server.Product} \d+\.\d+\.\d+$", SourceServer.Describe(server.Version));
        if (Servers.MySqlHome is not null) Assert.Equal("MySQL", server.Product);
    }

    [Theory]
    [InlineData("select @@innodb_flush_log_at_trx_commit", "1", "1")]
    [InlineData("select @@system_time_zone is not null and @@time_zone = '+00:00'", "1", "1")]
    [InlineData("select @@sync_binlog", "0", "1")]
    [InlineData("select @@log_bin", "0", "1")]
    [InlineData("select plugin from mysql.user where user = 'ingest'", "mysql_native_password", "caching_sha2_password")]
    [InlineData("select variable_value <> '' from {0}.session_status where variable_name = 'Ssl_cipher'", "0", "1")]
    public async Task It_keeps_the_durability_of_its_makers_their_accounts_and_encryption_and_speaks_UTC(string question, string mariaDb, string mySql)
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        var isMySql = servers.Source is MySqlServer;
        var sql = string.Format(System.Globalization.CultureInfo.InvariantCulture, question, isMySql ? "performance_schema" : "information_schema");
        Assert.Equal(isMySql ? mySql : mariaDb, Convert.ToString(await source.ScalarAsync(sql, TestContext.Current.CancellationToken), null));
    }

    [Fact]
    public async Task MySQL_refuses_a_table_without_a_primary_key()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        if (servers.Source is MariaDbServer) Assert.Skip("MariaDB has no sql_require_primary_key");
        var refused = await Assert.ThrowsAsync<MySqlConnector.MySqlException>(() => source.ExecuteAsync("create table keyless (a int)", TestContext.Current.CancellationToken));
        Assert.Contains("sql_require_primary_key", refused.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string?, string> Wrong => new()
    {
        { null, "neither mysqld nor sbin/mysqld nor bin/mysqld is there" },
        { "mysqld  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu on x86_64 (Debian 12)", "is MariaDB" },
        { "mysqld  Ver 5.7.44 for Linux on x86_64 (MySQL Community Server (GPL))", "is MySQL 5.7, which is too old" },
        { "hello", "does not say its version but 'hello'" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    [SupportedOSPlatform("linux")]
    public async Task A_home_that_holds_no_MySQL_is_refused_in_one_line(string? says, string expected)
    {
        var state = servers.NewStateDirectory();
        var home = Directory.CreateTempSubdirectory("settlement-home-");
        try
        {
            File.SetUnixFileMode(home.FullName, (UnixFileMode)0b111_101_101);
            if (says is not null)
            {
                var program = Path.Combine(Directory.CreateDirectory(Path.Combine(home.FullName, "sbin")).FullName, "mysqld");
                await File.WriteAllTextAsync(program, $"#!/bin/sh\necho '{says}'\n", TestContext.Current.CancellationToken);
                File.SetUnixFileMode(program, (UnixFileMode)0b111_101_101);
            }
            var refused = await Assert.ThrowsAsync<PrerequisiteException>(() => SourceServer.StartAsync(home.FullName, state, TimeProvider.System, TestContext.Current.CancellationToken));
            Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
            Assert.Contains("8.0 or later", refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', refused.Message);
        }
        finally
        {
            home.Delete(recursive: true);
        }
    }

    [Fact]
    [SupportedOSPlatform("linux")]
    public async Task A_home_that_the_servers_user_cannot_read_is_refused()
    {
        if (!Posix.IsRoot) Assert.Skip("only root starts the server as another user");
        var closed = Directory.CreateTempSubdirectory("settlement-home-"); // mode 0700
        try
        {
            var program = Path.Combine(closed.FullName, "mysqld");
            await File.WriteAllTextAsync(program, "#!/bin/sh\necho 'mysqld  Ver 8.4.6 for Linux on x86_64 (MySQL Community Server - GPL)'\n", TestContext.Current.CancellationToken);
            File.SetUnixFileMode(program, (UnixFileMode)0b111_101_101);
            var refused = await Assert.ThrowsAsync<PrerequisiteException>(() =>
                SourceServer.StartAsync(program, servers.NewStateDirectory(), TimeProvider.System, TestContext.Current.CancellationToken));
            Assert.Contains("cannot be run by the system user 'mysql'", refused.Message, StringComparison.Ordinal);
        }
        finally
        {
            closed.Delete(recursive: true);
        }
    }
}
