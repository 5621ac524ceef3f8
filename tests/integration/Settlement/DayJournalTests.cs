using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using JasperFx;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Hosting;
using StreamSettlement.Settlement.Core;
using StreamSettlement.Settlement.Sink;
using Weasel.Core;
using Weasel.Postgresql;

namespace StreamSettlement.IntegrationTests.Settlement;

/// <summary>The days' journals in Marten's event streams.</summary>
public sealed class DayJournalTests(Servers servers)
{
    private static readonly BusinessDay Day = BusinessDay.Of(2026, 11, 20);
    private static readonly DateTimeOffset Noon = new(2026, 11, 22, 12, 0, 0, 123, 456, TimeSpan.Zero);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_schema_is_what_the_package_in_use_would_create()
    {
        await using var ours = await servers.NewPostgresDatabaseAsync();
        await using var martens = await servers.NewPostgresDatabaseAsync();
        await using var postgres = NpgsqlDataSource.Create(ours.ConnectionString);
        using var journal = new DayJournal(postgres);
        await PostgresSchema.MigrateAsync(postgres, DayJournal.Schema, typeof(DayJournal).Assembly, Token);
        await martens.ExecuteAsync(journal.Store.Storage.ToDatabaseScript(), Token);

        // The difference is the SQL that a further migration has to hold.
        var difference = await journal.Store.Storage.Database.CreateMigrationAsync(Token);
        var sql = new StringWriter();
        difference.WriteAllUpdates(sql, new PostgresqlMigrator(), AutoCreate.CreateOrUpdate);
        Assert.True(difference.Difference == SchemaPatchDifference.None, $"Marten wants another schema; what is missing is a new migration:\n{sql}");
        var catalogue = await CatalogueAsync(martens);
        Assert.Contains("settlement.mt_events", string.Join('\n', catalogue), StringComparison.Ordinal);
        Assert.Equal(catalogue, await CatalogueAsync(ours));
    }

    [Fact]
    public async Task What_is_appended_is_read_as_it_was_by_api_and_by_sql()
    {
        await using var books = await Books.CreateAsync(servers);
        await AppendAsync(books, new DaySealed(1, null));
        await AppendAsync(books, new RepairAsked(1, 2, "1 row \"missing\""), new DayAdjusted(7, Day, 3, "-12345678901234567890"));

        Assert.Equal(
            ["1 DaySealed {\"attempt\":1,\"detail\":null}", "2 RepairAsked {\"attempt\":1,\"repair\":2,\"detail\":\"1 row \\u0022missing\\u0022\"}",
                "3 DayAdjusted {\"runId\":7,\"causedBy\":\"2026-11-20\",\"lines\":3,\"amountMicros\":\"-12345678901234567890\"}"],
            (await ReadAsync(books)).Select(entry => string.Create(CultureInfo.InvariantCulture, $"{entry.Version} {entry.Type} {entry.Data}")));
        Assert.All(await ReadAsync(books), entry => Assert.Equal(Noon, entry.HappenedAt));
        Assert.Equal(
            ["2026-11-20 1 DaySealed {\"detail\": null, \"attempt\": 1} 12:00:00.123456",
                "2026-11-20 2 RepairAsked {\"detail\": \"1 row \\\"missing\\\"\", \"repair\": 2, \"attempt\": 1} 12:00:00.123456",
                "2026-11-20 3 DayAdjusted {\"lines\": 3, \"runId\": 7, \"causedBy\": \"2026-11-20\", \"amountMicros\": \"-12345678901234567890\"} 12:00:00.123456"],
            await books.QueryAsync("""
                select log_date || ' ' || version || ' ' || type || ' ' || data || ' ' || to_char(happened_at at time zone 'UTC', 'HH24:MI:SS.US')
                from settlement.day_event order by version
                """, row => row.GetString(0)));
    }

    [Fact]
    public async Task What_is_rolled_back_leaves_nothing_and_no_gap()
    {
        await using var books = await Books.CreateAsync(servers);
        await AppendAsync(books, new DaySealed(1, null));
        await using (var session = await books.Store.BeginAsync(Token))
        {
            await session.AppendAsync(Day, new DayBalanced(1), Token);
        }
        await AppendAsync(books, new DayOutOfBalance(1, "x"));
        Assert.Equal([(1, "DaySealed"), (2, "DayOutOfBalance")], (await ReadAsync(books)).Select(entry => (entry.Version, entry.Type)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_two_transactions_that_append_to_a_day_at_once_one_is_refused_as_a_whole(bool begun)
    {
        await using var books = await Books.CreateAsync(servers);
        if (begun) await AppendAsync(books, new DaySealed(1, null));
        await using var first = await OpenAsync(books.Database);
        await using var second = await OpenAsync(books.Database);
        await using var winner = await first.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, Token);
        await using var loser = await second.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, Token);
        await using (var write = new NpgsqlCommand("insert into settlement.settled_day values ('2026-11-20', 'of the loser')", second)) await write.ExecuteNonQueryAsync(Token);

        await books.Journal.AppendAsync(winner, Day, [new DayBalanced(1), new DayBalanced(2)], Noon, Token);
        var late = books.Journal.AppendAsync(loser, Day, [new DayOutOfBalance(1, "a"), new DayOutOfBalance(1, "b")], Noon, Token);
        await winner.CommitAsync(Token);
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => late);
        Assert.Contains(begun ? "pk_mt_events_stream_and_version" : "pkey_mt_streams_id", refused.Message, StringComparison.Ordinal);
        await loser.RollbackAsync(Token);

        var expected = begun ? new[] { "DaySealed", "DayBalanced", "DayBalanced" } : ["DayBalanced", "DayBalanced"];
        Assert.Equal(expected, (await ReadAsync(books)).Select(entry => entry.Type));
        Assert.Equal(0, await books.CountAsync("settled_day"));
        await AppendAsync(books, new DayOutOfBalance(1, "a"));
        Assert.Equal(Enumerable.Range(1, expected.Length + 1), (await ReadAsync(books)).Select(entry => entry.Version));
    }

    [Fact]
    public async Task A_connection_that_is_lost_is_an_outage_and_no_bug()
    {
        await using var books = await Books.CreateAsync(servers);
        await LosesAsync(transaction => books.Journal.AppendAsync(transaction, Day, [new DayBalanced(1)], Noon, Token));
        await LosesAsync(transaction => books.Journal.ReadAsync(transaction, Day, Token));

        async Task LosesAsync(Func<NpgsqlTransaction, Task> call)
        {
            await using var connection = await OpenAsync(books.Database);
            var transaction = await connection.BeginTransactionAsync(Token);
            await books.ScalarAsync<bool>($"select pg_terminate_backend({connection.ProcessID})");
            var lost = await Assert.ThrowsAnyAsync<NpgsqlException>(() => call(transaction));
            Assert.True(Transient.Postgres(lost), lost.ToString());
        }
    }

    [Fact]
    public async Task The_journal_of_an_older_program_moves_over_as_it_is_and_goes_on()
    {
        await using var stack = await Stack.StartAsync(servers, services: false);
        var rollups = new Rollups(stack.Postgres);
        await rollups.MigrateAsync();
        await MigrateToAsync(stack.Postgres, 3);
        await stack.Postgres.ExecuteAsync("""
            grant select on settlement.day_event to public;
            insert into settlement.day_event values
              ('2025-11-21', 1, 'DaySealed', '{"attempt": 1, "detail": null}', '2025-11-22 00:00:05.5+00'),
              ('2025-11-20', 3, 'DayAdjusted', '{"runId": 2, "causedBy": "2025-11-21", "lines": 4, "amountMicros": "-5000000"}', '2025-11-22 00:00:05.5+00'),
              ('2025-11-20', 1, 'DayAccepted', '{"attempt": 1, "by": "ann", "reason": "known", "difference": "1 : 2"}', '2025-11-21 00:00:01.000001+00'),
              ('2025-11-20', 2, 'DayPosted', '{"attempt": 1, "runId": 1, "lines": 9, "amountMicros": "123"}', '2025-11-21 00:00:01.000001+00')
            """, Token);
        const string old = "select e::text from settlement.day_event e where happened_at < '2026-01-01' order by log_date, version";
        var before = await TextAsync(stack.Postgres, old);
        await rollups.ViewsAsync("2025-11-20", 1, 10, 5);
        await rollups.SealAsync("2025-11-20", missingRows: 1);

        stack.Settlement = ServiceProcess.Settlement(stack.Settings, stack.State, TimeProvider.System);
        await stack.Settlement.WaitUntilReadyAsync(Token);
        var shown = await ShownAsync(stack.Settlement.Address, "2025-11-20", entries: 4);

        Assert.Equal(4, before.Count);
        Assert.Equal(before, await TextAsync(stack.Postgres, old));
        Assert.Equal(
            ["2025-11-20 1", "2025-11-20 2", "2025-11-20 3", "2025-11-21 1"],
            await TextAsync(stack.Postgres, "select stream_id || ' ' || version from settlement.mt_events where timestamp < '2026-01-01' order by seq_id"));
        Assert.Equal(
            [
                """1 DayAccepted 2025-11-21T00:00:01.0000010+00:00 {"attempt":1,"by":"ann","reason":"known","difference":"1 : 2"}""",
                """2 DayPosted 2025-11-21T00:00:01.0000010+00:00 {"attempt":1,"runId":1,"lines":9,"amountMicros":"123"}""",
                """3 DayAdjusted 2025-11-22T00:00:05.5000000+00:00 {"runId":2,"causedBy":"2025-11-21","lines":4,"amountMicros":"-5000000"}""",
            ],
            shown.Take(3).Select(entry => string.Create(CultureInfo.InvariantCulture,
                $"{entry.GetProperty("version")} {entry.GetProperty("type")} {entry.GetProperty("happenedAt").GetDateTimeOffset():O} {entry.GetProperty("data")}")));
        // The service went on where the older one had stopped.
        Assert.Equal((4, "RepairAsked"), (shown[3].GetProperty("version").GetInt32(), shown[3].GetProperty("type").GetString()));
        Assert.Equal(
            ["StreamSettlement.Settlement.Core.DayAccepted, StreamSettlement.Settlement", "StreamSettlement.Settlement.Core.RepairAsked, StreamSettlement.Settlement"],
            await TextAsync(stack.Postgres, "select mt_dotnet_type from settlement.mt_events where stream_id = '2025-11-20' and version in (1, 4) order by version"));
        Assert.Equal(
            ["SELECT of 0"],
            await TextAsync(stack.Postgres, """
                select privilege_type || ' of ' || grantee from pg_class, aclexplode(relacl) where oid = 'settlement.day_event'::regclass and grantee <> relowner
                """));
    }

    private static async Task AppendAsync(Books books, params DayJournalEvent[] events)
    {
        await using var connection = await OpenAsync(books.Database);
        await using var transaction = await connection.BeginTransactionAsync(Token);
        await books.Journal.AppendAsync(transaction, Day, events, Noon, Token);
        await transaction.CommitAsync(Token);
    }

    private static async Task<IReadOnlyList<JournalEntry>> ReadAsync(Books books)
    {
        await using var connection = await OpenAsync(books.Database);
        await using var transaction = await connection.BeginTransactionAsync(Token);
        return await books.Journal.ReadAsync(transaction, Day, Token);
    }

    private static async Task<NpgsqlConnection> OpenAsync(PostgresDatabase database)
    {
        var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync(Token);
        return connection;
    }

    private static Task<List<string>> TextAsync(PostgresDatabase database, string sql) => database.QueryAsync(sql, row => row.GetString(0), Token);

    /// <summary>The schema as the program left it that knew <paramref name="version"/>.</summary>
    private static async Task MigrateToAsync(PostgresDatabase database, int version)
    {
        await database.ExecuteAsync("""
            create schema settlement;
            create table settlement.schema_version (version int primary key, file text not null, applied_at timestamptz not null default now())
            """, Token);
        var files = typeof(DayJournal).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith("Schema/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Take(version);
        foreach (var (number, file) in files.Index())
        {
            using var sql = new StreamReader(typeof(DayJournal).Assembly.GetManifestResourceStream(file)!);
            await database.ExecuteAsync(await sql.ReadToEndAsync(Token), Token);
            await database.ExecuteAsync($"insert into settlement.schema_version (version, file) values ({number + 1}, '{file["Schema/".Length..]}')", Token);
        }
    }

    /// <summary>Asks for a day until its journal has so many entries.</summary>
    private static async Task<IReadOnlyList<JsonElement>> ShownAsync(Uri address, string day, int entries)
    {
        using var http = new HttpClient { BaseAddress = address };
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Token);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            var shown = (await http.GetFromJsonAsync<JsonElement>($"/days/{day}", patience.Token)).GetProperty("journal").EnumerateArray().ToList();
            if (shown.Count >= entries) return shown;
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, patience.Token);
        }
    }

    /// <summary>Everything of Marten's in a database, as PostgreSQL writes it out.</summary>
    private static Task<List<string>> CatalogueAsync(PostgresDatabase database) => TextAsync(database, """
        select pg_get_functiondef(oid) from pg_proc where pronamespace = 'settlement'::regnamespace and proname like 'mt\_%'
        union all
        -- The default of mt_events.timestamp is the moment at which the table was created; nothing uses it.
        select format('%s.%s %s %s %s', class.relname, attname, format_type(atttypid, atttypmod), attnotnull,
          regexp_replace(pg_get_expr(adbin, adrelid), '\d{4}-[-0-9:. +]*', 'moment'))
        from pg_class class join pg_attribute on attrelid = class.oid and attnum > 0 and not attisdropped
        left join pg_attrdef on adrelid = class.oid and adnum = attnum
        where relnamespace = 'settlement'::regnamespace and class.relname like 'mt\_%' and relkind in ('r', 'S')
        union all
        select pg_get_indexdef(indexrelid) from pg_index join pg_class on pg_class.oid = indrelid
        where relnamespace = 'settlement'::regnamespace and relname like 'mt\_%'
        union all
        select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint
        where connamespace = 'settlement'::regnamespace and conrelid::regclass::text like 'settlement.mt\_%'
        order by 1
        """);
}
