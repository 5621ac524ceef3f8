using System.IO.Pipelines;
using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.IntegrationTests.Ingest;

public sealed class LookQueriesTests(Servers servers)
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_transaction_that_changed_a_row_is_open_work_until_it_commits()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await using var session = await AcquireAsync(source);
        await using var writer = await source.OpenAsync(TestContext.Current.CancellationToken);
        var name = $"transaction of connection {writer.ServerThread}";
        await RunAsync(writer, $"start transaction; {SourceSql.ViewsSql(1)}");
        await LookUntilAsync(session, look => look.Open!.Any(work => work.Name == name && work.Since <= look.Now && look.Now - work.Since < TimeSpan.FromMinutes(2)));
        await RunAsync(writer, "commit");
        await LookUntilAsync(session, look => look.Open!.All(work => work.Name != name));
    }

    [Fact]
    public async Task A_transaction_that_locked_rows_is_open_work()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await source.AddViewsAsync(1);
        await using var session = await AcquireAsync(source);
        await using var writer = await source.OpenAsync(TestContext.Current.CancellationToken);
        await RunAsync(writer, "start transaction; select * from daily_member_view_log for update");
        await LookUntilAsync(session, look => look.Open!.Any(work => work.Name == $"transaction of connection {writer.ServerThread}"));
    }

    [Fact]
    public async Task A_transaction_that_only_reads_holds_nothing_back()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await source.AddViewsAsync(1);
        await using var session = await AcquireAsync(source);
        await using var dump = await source.OpenAsync(TestContext.Current.CancellationToken);
        await RunAsync(dump, "start transaction with consistent snapshot; select count(*) from daily_member_view_log");
        // A fresh list certainly holds the reader's transaction.
        var look = await LookUntilAsync(session, look => look.IsFresh);
        Assert.DoesNotContain(look.Open!, work => work.Name == $"transaction of connection {dump.ServerThread}");
    }

    [Fact]
    public async Task A_running_statement_that_writes_is_open_work_and_one_that_reads_is_not()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await using var session = await AcquireAsync(source);
        await using var writer = await source.OpenAsync(TestContext.Current.CancellationToken);
        await using var reader = await source.OpenAsync(TestContext.Current.CancellationToken);
        var reading = RunAsync(reader, "select sleep(60)");
        var writing = RunAsync(writer, "insert into member (nickname) select sleep(60)");
        var look = await LookUntilAsync(session, look => look.Open!.Any(work => work.Name == $"statement of connection {writer.ServerThread}"));
        Assert.DoesNotContain(look.Open!, work => work.Name == $"statement of connection {reader.ServerThread}");
        await source.ExecuteAsync($"kill query {writer.ServerThread}; kill query {reader.ServerThread}", TestContext.Current.CancellationToken);
        await Task.WhenAny(writing, Task.Delay(TimeSpan.FromSeconds(30), TimeProvider.System, TestContext.Current.CancellationToken));
        await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(30), TimeProvider.System, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_statement_that_writes_inside_a_procedure_is_open_work()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await source.ExecuteAsync("create procedure slow() insert into member (nickname) select sleep(60)", TestContext.Current.CancellationToken);
        await using var session = await AcquireAsync(source);
        await using var caller = await source.OpenAsync(TestContext.Current.CancellationToken);
        var calling = RunAsync(caller, "call slow()");
        await LookUntilAsync(session, look => look.Open!.Any(work => work.Name == $"statement of connection {caller.ServerThread}"));
        await source.ExecuteAsync($"kill query {caller.ServerThread}", TestContext.Current.CancellationToken);
        await Task.WhenAny(calling); // how a killed statement ends is of no interest
    }

    [Fact]
    public async Task Rows_that_are_being_loaded_are_open_work()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await using var session = await AcquireAsync(source);
        await using var loader = await source.OpenAsync(TestContext.Current.CancellationToken);
        var rows = new Pipe();
        var loading = new MySqlBulkLoader(loader) { TableName = "member", Local = true, Columns = { "nickname" }, SourceStream = rows.Reader.AsStream() }
            .LoadAsync(TestContext.Current.CancellationToken);
        await LookUntilAsync(session, look => look.Open!.Any(work => work.Name == $"statement of connection {loader.ServerThread}"));
        await rows.Writer.WriteAsync("somebody\n"u8.ToArray(), TestContext.Current.CancellationToken);
        await rows.Writer.CompleteAsync();
        Assert.Equal(1, await loading);
        await LookUntilAsync(session, look => look.Open!.All(work => !work.Name.EndsWith($" {loader.ServerThread}", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task An_XA_transaction_that_is_prepared_is_open_work_also_without_its_connection()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await using var session = await AcquireAsync(source);
        var xa = $"'{Guid.CreateVersion7():N}'";
        await using (var writer = new MySqlConnection(new MySqlConnectionStringBuilder(source.OwnerConnectionString) { Pooling = false }.ConnectionString))
        {
            await writer.OpenAsync(TestContext.Current.CancellationToken);
            await RunAsync(writer, $"xa start {xa}; {SourceSql.ViewsSql(1)}; xa end {xa}; xa prepare {xa}");
        }
        await using var other = await source.OpenAsync(TestContext.Current.CancellationToken);
        try
        {
            await LookUntilAsync(session, look => look.IsFresh && look.Open!.Any(work => work.Name.StartsWith("prepared XA transaction ", StringComparison.Ordinal)));
        }
        finally
        {
            await RunAsync(other, $"xa commit {xa}");
        }
        Assert.Equal(1, await source.NumberAsync("select count(*) from daily_member_view_log"));
        await LookUntilAsync(session, look => look.IsFresh && look.Open!.All(work => !work.Name.StartsWith("prepared XA", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_look_is_fresh_only_where_it_proved_so()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await using var session = await AcquireAsync(source);
        Assert.False((await session.LookAsync(fresh: false, TestContext.Current.CancellationToken)).IsFresh);
        await LookUntilAsync(session, look => look.IsFresh);
    }

    [Fact]
    public async Task An_account_without_PROCESS_sees_no_open_work()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await using var session = await AcquireAsync(source, await WithoutProcessAsync(source));
        var look = await session.LookAsync(fresh: true, TestContext.Current.CancellationToken);
        Assert.Null(look.Open);
        Assert.False(look.IsFresh);
    }

    [Fact]
    public async Task Of_two_ingests_of_one_database_one_gets_the_lock_and_the_other_gets_it_next()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await using var elsewhere = await servers.NewSourceDatabaseAsync();
        var first = await AcquireAsync(source);
        Assert.Null(await Source(source.IngestConnectionString).TryAcquireAsync(TestContext.Current.CancellationToken));
        await using (await AcquireAsync(elsewhere)) await first.DisposeAsync();
        await using var second = await AcquireAsync(source);
    }

    [Fact]
    public async Task Deployments_of_other_prefixes_read_one_database_side_by_side()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await using var none = await AcquireAsync(source);
        await using var lower = await AcquireAsync(source, prefix: "team-b.");
        // The server ignores the case of lock names.
        await using var upper = await AcquireAsync(source, prefix: "Team-B.");
        Assert.Null(await Source(source.IngestConnectionString, "Team-B.").TryAcquireAsync(TestContext.Current.CancellationToken));
        foreach (var session in (ISourceSession[])[none, lower, upper]) await session.LookAsync(fresh: false, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_killed_connection_ends_the_session()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await using var session = await AcquireAsync(source);
        await session.LookAsync(fresh: false, TestContext.Current.CancellationToken);
        var holder = await source.NumberAsync($"select is_used_lock('{MySqlSettings.NameOfLock("", source.Name)}')");
        await source.ExecuteAsync($"kill {holder}", TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<SourceUnavailableException>(() => session.LookAsync(fresh: false, None));
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_an_outage_and_a_wrong_password_is_not()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        var right = new MySqlConnectionStringBuilder(source.IngestConnectionString);
        var nobody = new MySqlConnectionStringBuilder(right.ConnectionString) { Port = (uint)LoopbackPorts.Next() };
        await Assert.ThrowsAsync<SourceUnavailableException>(() => Source(nobody.ConnectionString).TryAcquireAsync(TestContext.Current.CancellationToken));
        LoopbackPorts.Return((int)nobody.Port);
        var wrong = new MySqlConnectionStringBuilder(right.ConnectionString) { Password = "wrong" };
        await Assert.ThrowsAsync<MySqlException>(() => Source(wrong.ConnectionString).TryAcquireAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_identity_of_a_server_stays_and_its_highest_ids_are_known()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await source.AddAdsAsync(3);
        await using var session = await AcquireAsync(source);
        var (one, other) = (await session.LookAtServerAsync(TestContext.Current.CancellationToken), await session.LookAtServerAsync(TestContext.Current.CancellationToken));
        Assert.Equal(one.Identity, other.Identity);
        Assert.NotEmpty(one.Identity);
        Assert.Equal((0L, 3L), (one.HighestIds[SourceStream.ViewLogs], one.HighestIds[SourceStream.AdViews]));
    }

    /// <returns>Connection string of a user that may read the database and see nothing else.</returns>
    internal static async Task<string> WithoutProcessAsync(MySqlDatabase source)
    {
        var user = $"blind_{source.Name}";
        await source.ExecuteAsync($"drop user if exists '{user}'@'127.0.0.1'; create user '{user}'@'127.0.0.1' identified by 'pw'; grant select on `{source.Name}`.* to '{user}'@'127.0.0.1'", TestContext.Current.CancellationToken);
        return new MySqlConnectionStringBuilder(source.IngestConnectionString) { UserID = user, Password = "pw" }.ConnectionString;
    }

    private static MySqlSource Source(string connectionString, string prefix = "") =>
        new(new IngestOptions { KafkaBootstrap = "unused:1", TopicPrefix = prefix, MySql = connectionString }, TimeProvider.System);

    private static async Task<ISourceSession> AcquireAsync(MySqlDatabase source, string? connectionString = null, string prefix = "") =>
        await Source(connectionString ?? source.IngestConnectionString, prefix).TryAcquireAsync(TestContext.Current.CancellationToken)
        ?? throw new InvalidOperationException("somebody else holds the lock");

    private static async Task RunAsync(MySqlConnection connection, string sql)
    {
        await using var command = new MySqlCommand(sql, connection) { CommandTimeout = 120 };
        await command.ExecuteNonQueryAsync(None);
    }

    /// <summary>MySQL's list of transactions is a copy of up to 100 ms ago or more: looks until it shows what happened.</summary>
    private static async Task<SourceLook> LookUntilAsync(ISourceSession session, Func<SourceLook, bool> shows)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            var look = await session.LookAsync(fresh: true, patience.Token);
            if (shows(look)) return look;
            await Task.Delay(TimeSpan.FromMilliseconds(120), TimeProvider.System, patience.Token);
        }
    }
}
