using Confluent.Kafka;
using Google.Protobuf;
using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Source;
using StreamSettlement.IntegrationTests.Aggregator;
using StreamSettlement.IntegrationTests.Ingest;

namespace StreamSettlement.IntegrationTests.Faults;

/// <summary>Ingest, ended or disturbed at exact points, over a real source server and a real broker.</summary>
public sealed class IngestFaultTests(Servers servers)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Killed_between_acknowledgement_and_cursor()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddViewsAsync(300);
        var points = new IngestPoints { BeforeSave = (_, record) => Throw(record is StreamCursor { HighestId: > 0 }) };
        await using (var killed = IngestRun.Start(stage.Options, points)) await killed.DiedAsync();
        Assert.Equal(300, (await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 300)).Count);

        await using var next = IngestRun.Start(stage.Options);
        // The whole page again: the cursor had not moved.
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 600);
        Assert.All(views.GroupBy(record => record.Id), row => Assert.Equal(2, row.Count()));
    }

    [Fact]
    public async Task Killed_before_the_acknowledgement()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        for (var i = 0; i < 3; i++) await stage.Source.AddViewsAsync(100);
        var saved = 0;
        var points = new IngestPoints
        {
            Swallows = stream => stream == SourceStream.ViewLogs,
            BeforeSave = (_, record) => saved += record is StreamCursor { HighestId: > 0 } ? 1 : 0,
        };
        await using (IngestRun.Start(With(stage.Options, options => options.PageRows = 100), points))
            await LogUnderTest.UntilAsync(() => Task.FromResult(points.Published >= 2), () => Task.FromResult("no second page was handed over"));
        Assert.Equal(0, saved);

        await using var next = IngestRun.Start(stage.Options);
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 300);
        Assert.Equal(300, views.Select(record => record.Id).Distinct().Count());
    }

    [Fact]
    public async Task Killed_between_the_markers_of_two_partitions()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddViewsAsync(100);
        var points = new IngestPoints
        {
            BeforeMarkers = async (stream, marker) =>
            {
                if (stream == SourceStream.AdViews) return;
                await WriteMarkersAsync(stage, marker, partitions: 5);
                throw new KilledException();
            },
        };
        await using (var killed = IngestRun.Start(stage.Options, points))
        {
            await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
            await killed.DiedAsync();
        }
        // After the cutoff: of the same day, but not of these totals.
        await stage.Source.AddViewsAsync(40);

        await using var next = IngestRun.Start(stage.Options);
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count(record => record.Id != 0) >= 140 && records.Count(record => record.Marker is not null) >= 17);
        var markers = views.Where(record => record.Marker is not null).ToList();
        // The same marker everywhere, in some partitions twice; a seal is taken once.
        Assert.Equal((1, 100L), Assert.Single(markers.Select(record => (record.Marker!.Attempt, record.Marker.Rows)).Distinct()));
        Assert.Equal(Enumerable.Range(0, 12), markers.Select(record => record.Partition).Distinct().Order());
        Assert.All(views.Where(record => record.Id > 100), row =>
            Assert.True(row.Offset > markers.Where(marker => marker.Partition == row.Partition).Max(marker => marker.Offset), $"{row} stands before a marker that does not know it"));
    }

    [Fact]
    public async Task A_transaction_stays_open_while_later_rows_commit_and_the_day_is_ended()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        var points = new IngestPoints();
        await using var run = IngestRun.Start(stage.Options, points);
        await run.BecameAsync("active");
        await using var late = await stage.Source.OpenAsync(Token);
        await ExecuteAsync(late, $"start transaction; {SourceSql.ViewsSql(1)}");
        await EndDayBehindAsync(stage, points);
        await ExecuteAsync(late, "commit");
        await AssertBothAreInTheFirstMarkerAsync(stage, lateId: 1);
    }

    [Fact]
    public async Task A_writer_waits_on_a_metadata_lock_while_later_rows_commit_and_the_day_is_ended()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        var points = new IngestPoints();
        await using var run = IngestRun.Start(stage.Options, points);
        await run.BecameAsync("active");
        await using var locker = await stage.Source.OpenAsync(Token);
        await ExecuteAsync(locker, "lock tables advertisement write");
        // Its row gets the time at which the statement began. Until the lock is free it has no transaction that anybody could see.
        await using var writer = await stage.Source.OpenAsync(Token);
        var writing = ExecuteAsync(
            writer,
            "insert into daily_member_view_log (member_id, content_post_id, log_date, watch_seconds, last_position_seconds, status) "
            + $"select 1, 1, '{SourceSql.Day}', 1, 1, 'COMPLETED' from (select 1) one where not exists (select 1 from advertisement where id = 0)");
        await LogUnderTest.UntilAsync(
            async () => await stage.Source.NumberAsync($"select count(*) from information_schema.processlist where db = '{stage.Source.Name}' and state like '%metadata lock%'") == 1,
            () => Task.FromResult("the writer does not wait"));
        await EndDayBehindAsync(stage, points);
        await ExecuteAsync(locker, "unlock tables");
        await writing;
        await AssertBothAreInTheFirstMarkerAsync(stage, lateId: 2);
    }

    [Fact]
    public async Task A_long_read_only_dump_stalls_nothing()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddViewsAsync(10);
        await using var dump = await stage.Source.OpenAsync(Token);
        await ExecuteAsync(dump, "start transaction with consistent snapshot");
        var reading = ExecuteAsync(dump, "select count(*) from daily_member_view_log where sleep(60) = 0");
        await using var run = IngestRun.Start(stage.Options);
        await run.BecameAsync("active");
        await stage.Source.AddViewsAsync(10);
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count(record => record.Marker is not null) == 12);
        Assert.Equal(20, views.First(record => record.Marker is not null).Marker!.Rows);
        Assert.False(reading.IsCompleted);
        await stage.Source.ExecuteAsync($"kill query {dump.ServerThread}", Token);
        await Task.WhenAny(reading); // how a killed query ends is of no interest
    }

    [Fact]
    public async Task The_lock_is_lost_while_a_days_totals_are_awaited()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddViewsAsync(100);
        await using var locker = await LockerAsync(stage);
        var repairs = 0;
        var points = new IngestPoints
        {
            // The day's rows have been published again; what follows is the repair's totals.
            BeforeTotals = async _ =>
            {
                if (++repairs == 2) await ExecuteAsync(locker, "lock tables ad_view_log write");
            },
        };
        var log = new RecordedLog<IngestTelemetry>();
        await using var run = IngestRun.Start(stage.Options, points, log: log);
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
        await stage.ReadAsync(stage.Topics.AdViews, records => records.Count(record => record.Marker is not null) == 12);
        await stage.SendAsync(CommandKind.RepairDay, SourceSql.Day);
        await LogUnderTest.UntilAsync(
            async () => await stage.Source.NumberAsync(
                $"select count(*) from information_schema.processlist where db = '{stage.Source.Name}' and state like '%metadata lock%' and info like 'select count(*)%ad_view_log%'") == 1,
            () => Task.FromResult("nobody asks for the totals"));
        var holder = await HolderAsync(stage);
        await stage.Source.ExecuteAsync($"kill {holder}", Token);

        // Nobody can answer for the totals yet, and nobody waits for them: whoever comes next has the lock.
        await log.SaidAsync(103);
        await LogUnderTest.UntilAsync(async () => await HolderAsync(stage) is not 0 and var next && next != holder, () => Task.FromResult("nobody took the lock"));
        await ExecuteAsync(locker, "unlock tables");
        var ads = await stage.ReadAsync(stage.Topics.AdViews, records => records.Count(record => record.Marker?.Attempt == 2) == 12);
        Assert.Equal(24, ads.Count(record => record.Marker is not null));
    }

    [Fact]
    public async Task Nobody_looks_for_a_while_and_the_lock_is_kept()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddViewsAsync(1);
        var log = new RecordedLog<IngestTelemetry>();
        await using var run = IngestRun.Start(stage.Options, log: log);
        // Once a round has been gone, the lock's connection asks nothing of the table for 30 s.
        await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 1);
        await using var locker = await LockerAsync(stage);
        await ExecuteAsync(locker, "lock tables daily_member_view_log write");
        var holder = await HolderAsync(stage);
        await LogUnderTest.UntilAsync(
            async () => await stage.Source.NumberAsync(
                $"select count(*) from information_schema.processlist where db = '{stage.Source.Name}' and state like '%metadata lock%' and info like 'select count(*)%'") == 1,
            () => Task.FromResult("no page is being read"));
        // The page does not come, so no round ends: what the lock's connection still asks are its pings.
        var (heard, before) = (0, 0L);
        await LogUnderTest.UntilAsync(
            async () =>
            {
                // Seconds since it was heard: each ping sets them back.
                var silent = await stage.Source.NumberAsync($"select time from information_schema.processlist where id = {holder}");
                (heard, before) = (silent < before ? heard + 1 : heard, silent);
                return heard >= 5;
            },
            () => Task.FromResult($"it was heard {heard} times"));
        await ExecuteAsync(locker, "unlock tables");
        await stage.Source.AddViewsAsync(10);
        await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 11);
        Assert.Equal((holder, 0), (await HolderAsync(stage), log.Times(103)));
    }

    [Fact]
    public async Task Events_that_nobody_acknowledges_stop_nothing()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddViewsAsync(10);
        var nowhere = LoopbackPorts.Next();
        var log = new RecordedLog<IngestTelemetry>();
        await using var run = IngestRun.Start(stage.Options, log: log, events: $"127.0.0.1:{nowhere}");
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
        await log.SaidAsync(119);
        await stage.Source.AddViewsAsync(10);
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count(record => record.Id > 10) == 10);
        Assert.Equal((20, 12), (views.Count(record => record.Id != 0), views.Count(record => record.Marker is not null)));
        Assert.Equal((2, 0), (log.Times(119), log.Times(104)));
        LoopbackPorts.Return(nowhere);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task The_services_clock_is_an_hour_off(int hours)
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await using var run = IngestRun.Start(With(stage.Options, options => options.SafetyLag = TimeSpan.FromMilliseconds(500)), time: new WrongClock(TimeSpan.FromHours(hours)));
        await stage.Source.AddViewsAsync(10);
        await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 10);
        var before = await NowAsync(stage);
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count(record => record.Marker is not null) == 12);
        var marker = views.First(record => record.Marker is not null).Marker!;
        Assert.InRange(marker.Cutoff, before, await NowAsync(stage));
        Assert.Equal(10, marker.Rows);
    }

    /// <summary>A row that commits now, behind one that is not committed yet; the day ends, and ingest has every chance to go too far.</summary>
    private static async Task EndDayBehindAsync(IngestStage stage, IngestPoints points)
    {
        await stage.Source.AddViewsAsync(1);
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
        await stage.ReadAsync(stage.Topics.IngestCursors, records => records.Any(record => record.Key == "day/2026-11-21"));
        await points.RoundsAsync(10);
    }

    private static async Task AssertBothAreInTheFirstMarkerAsync(IngestStage stage, long lateId)
    {
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count(record => record.Marker is not null) == 12);
        Assert.Equal(2, views.First(record => record.Marker is not null).Marker!.Rows);
        Assert.Equal(2, views.Where(record => record.Id != 0).Select(record => record.Id).Distinct().Count());
        // It committed last and has the earlier time: a cursor over (updated_at, id) would have passed it.
        Assert.Equal(lateId, (await stage.Source.IdsInOrderAsync("daily_member_view_log"))[0]);
    }

    private static async Task WriteMarkersAsync(IngestStage stage, DayMarker marker, int partitions)
    {
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = stage.Broker.Bootstrap }).Build();
        for (var partition = 0; partition < partitions; partition++)
        {
            await producer.ProduceAsync(
                new TopicPartition(stage.Topics.ViewLogs, partition), new Message<Null, byte[]> { Value = new SourceRecord { DayMarker = marker }.ToByteArray() }, Token);
        }
    }

    /// <returns>A connection of no pool: whatever it has locked is free when it is disposed, also where a test fails.</returns>
    private static async Task<MySqlConnection> LockerAsync(IngestStage stage)
    {
        var connection = new MySqlConnection(new MySqlConnectionStringBuilder(stage.Source.OwnerConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(Token);
        return connection;
    }

    /// <returns>The connection that holds the lock; 0 for none.</returns>
    private static Task<long> HolderAsync(IngestStage stage) => stage.Source.NumberAsync($"select coalesce(is_used_lock('{MySqlSettings.NameOfLock(stage.TopicPrefix, stage.Source.Name)}'), 0)");

    private static Task<long> NowAsync(IngestStage stage) => stage.Source.NumberAsync("select timestampdiff(microsecond, '1970-01-01', now(6))");

    private static void Throw(bool now)
    {
        if (now) throw new KilledException();
    }

    private static IngestOptions With(IngestOptions options, Action<IngestOptions> change)
    {
        change(options);
        return options;
    }

    private static async Task ExecuteAsync(MySqlConnection connection, string sql)
    {
        await using var command = new MySqlCommand(sql, connection) { CommandTimeout = 120 };
        await command.ExecuteNonQueryAsync(Token);
    }
}
