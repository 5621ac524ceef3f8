using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.IntegrationTests.Ingest;

public sealed class IngestLoopTests(Servers servers)
{
    [Fact]
    public async Task Every_row_is_published_once_under_its_contents_key_and_the_cursor_follows()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddContentsAsync(10);
        foreach (var status in new[] { "COMPLETED", "IN_PROGRESS", "PAUSED" }) await stage.Source.AddViewsAsync(300, contents: 12, status);
        await stage.Source.AddAdsAsync(200);
        await using (IngestRun.Start(With(stage.Options, options => options.PageRows = 70)))
        {
            var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 900);
            Assert.Equal((await stage.Source.IdsInOrderAsync("daily_member_view_log")).Order(), views.Select(record => record.Id).Order());
            Assert.All(views, record =>
            {
                var view = record.Record.ViewLog;
                Assert.Equal(view.ContentId.ToString(System.Globalization.CultureInfo.InvariantCulture), record.Key);
                Assert.Equal(Partitioner.PartitionOf(new ContentId(view.ContentId), 12), record.Partition);
                Assert.Equal(view.ContentId > 10 ? 0 : 1 + (view.ContentId % 2), view.CreatorId);
                Assert.Equal(1, view.SourceEpoch);
            });
            // Within a partition in the order of the stream.
            Assert.All(views.GroupBy(record => record.Partition), partition => Assert.Equal(partition.Select(record => record.Id).Order(), partition.Select(record => record.Id)));
            Assert.Equal(200, (await stage.ReadAsync(stage.Topics.AdViews, records => records.Count >= 200)).Select(record => record.Id).Distinct().Count());
        }
        // What was acknowledged is not read again.
        await using (IngestRun.Start(stage.Options))
        {
            await stage.Source.AddViewsAsync(1);
            var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count > 900);
            Assert.Equal(901, views.Select(record => record.Id).Distinct().Count());
        }
    }

    [Fact]
    public async Task Ending_a_day_marks_every_partition_of_both_topics_with_the_totals_of_the_source()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddContentsAsync(10);
        await stage.Source.AddViewsAsync(300, contents: 3);
        await stage.Source.AddViewsAsync(50, status: "PAUSED");
        await stage.Source.AddViewsAsync(50, day: "2026-11-20");
        await using var run = IngestRun.Start(stage.Options);
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);

        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 400 + 12);
        var markers = views.Where(record => record.Marker is not null).ToList();
        Assert.Equal(Enumerable.Range(0, 12), markers.Select(record => record.Partition).Order());
        Assert.Single(markers.Select(record => record.Marker).Distinct());
        var marker = markers[0].Marker!;
        Assert.Equal(("view-logs", 20_261_121, 1), (marker.Stream, marker.LogDate, marker.Attempt));
        Assert.Equal(marker.Cutoff, marker.Horizon);
        Assert.Equal(
            (await stage.Source.NumberAsync("select count(*) from daily_member_view_log where log_date = '2026-11-21' and status = 'COMPLETED'"),
                (ulong)await stage.Source.NumberAsync("select sum(id) from daily_member_view_log where log_date = '2026-11-21' and status = 'COMPLETED'"),
                await stage.Source.NumberAsync("select sum(watch_seconds) from daily_member_view_log where log_date = '2026-11-21' and status = 'COMPLETED'")),
            (marker.Rows, marker.IdSum, marker.WatchSeconds));
        // Every row stands before the marker of its partition.
        Assert.All(views.GroupBy(record => record.Partition), partition => Assert.NotNull(partition.MaxBy(record => record.Offset)!.Marker));
        Assert.All(markers, record => Assert.Null(record.Key));

        var ads = await stage.ReadAsync(stage.Topics.AdViews, records => records.Count >= 12);
        Assert.All(ads, record => Assert.Equal((0L, 0UL, 0L, "ad-views"), (record.Marker!.Rows, record.Marker.IdSum, record.Marker.WatchSeconds, record.Marker.Stream)));

        var cursors = await stage.ReadAsync(stage.Topics.IngestCursors, records => records.Any(record => record.Key == "day/2026-11-21" && record.Json<DayRecord>().State == DayState.Marked));
        Assert.Equal(marker.Cutoff, cursors.Last(record => record.Key == "day/2026-11-21").Json<DayRecord>().Cutoff);
    }

    [Fact]
    public async Task Rows_of_the_moment_of_the_command_are_in_and_later_ones_are_not()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await using var run = IngestRun.Start(With(stage.Options, options => options.SafetyLag = TimeSpan.FromSeconds(30)));
        await run.BecameAsync("active");
        // Younger than the safety lag: only the end of the day brings them out so soon.
        await stage.Source.AddViewsAsync(5);
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count(record => record.Marker is not null) == 12);
        Assert.Equal(5, views.Count(record => record.Id != 0));
        Assert.Equal(5, views.First(record => record.Marker is not null).Marker!.Rows);
    }

    [Fact]
    public async Task Ending_a_day_twice_announces_it_again_and_marks_it_once()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await using var run = IngestRun.Start(stage.Options);
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
        await stage.ReadAsync(stage.Topics.Events, events => events.Count >= 2);
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
        await stage.SendAsync(CommandKind.EndDay, BusinessDay.Of(2999, 1, 1));
        var events = await stage.ReadAsync(stage.Topics.Events, events => events.Count >= 5);
        Assert.Equal(
            [EventKind.DayMarked, EventKind.DayMarked, EventKind.DayMarked, EventKind.DayMarked, EventKind.CommandRefused],
            events.Select(record => record.Json<ControlEvent>().Kind));
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day.AddDays(-1));
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count(record => record.Marker!.LogDate == 20_261_120) == 12);
        Assert.Equal(12, views.Count(record => record.Marker!.LogDate == 20_261_121));
    }

    [Fact]
    public async Task A_row_that_commits_late_is_waited_for_by_the_stream_and_by_the_end_of_the_day()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await using var run = IngestRun.Start(stage.Options);
        await run.BecameAsync("active");
        await using var late = await stage.Source.OpenAsync(TestContext.Current.CancellationToken);
        await Run(late, $"start transaction; {SourceSql.ViewsSql(1)}");
        await stage.Source.AddViewsAsync(1);
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
        // The command has been taken over; the transaction is older than the cutoff.
        await stage.ReadAsync(stage.Topics.IngestCursors, records => records.Any(record => record.Key == "day/2026-11-21"));
        await Run(late, "commit");
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count(record => record.Marker is not null) == 12);
        Assert.Equal([1L, 2L], views.Where(record => record.Id != 0).Select(record => record.Id).Order());
        Assert.Equal(2, views.First(record => record.Marker is not null).Marker!.Rows);
    }

    [Fact]
    public async Task A_repair_publishes_the_day_again_and_marks_the_next_attempt_with_the_same_cutoff()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddViewsAsync(1_500, contents: 100);
        await stage.Source.AddViewsAsync(10, day: "2026-11-20");
        await stage.Source.AddAdsAsync(120);
        await using var run = IngestRun.Start(With(stage.Options, options => options.PageRows = 200));
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
        await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count(record => record.Marker is not null) == 12);
        // A row that committed behind everyone's back, and one after the cutoff.
        await stage.Source.ExecuteAsync("insert into daily_member_view_log values (99999, 1, 1, '2026-11-21', 1, 1, 'COMPLETED', '2026-11-21', '2026-11-21')", TestContext.Current.CancellationToken);
        await stage.Source.AddViewsAsync(1);
        await stage.SendAsync(CommandKind.RepairDay, SourceSql.Day);

        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count(record => record.Marker?.Attempt == 2) == 12);
        Assert.Equal(1_500, views.GroupBy(record => record.Id).Count(row => row.Key is > 0 and <= 1_500 && row.Count() == 2));
        Assert.Equal(10, views.Count(record => record.Record.ViewLog?.LogDate == 20_261_120));
        Assert.Contains(views, record => record.Id == 99_999);
        var (first, second) = (views.First(record => record.Marker?.Attempt == 1).Marker!, views.First(record => record.Marker?.Attempt == 2).Marker!);
        Assert.Equal(first.Cutoff, second.Cutoff);
        Assert.True(second.Horizon >= second.Cutoff);
        Assert.Equal(1_500, first.Rows);
        // Whether the row after the cutoff is below the horizon or not: the totals are those of the rows that stand before the marker.
        var before = views.Where(record => record.Id != 0 && record.Record.ViewLog.LogDate == 20_261_121
            && record.Offset < views.First(marker => marker.Marker?.Attempt == 2 && marker.Partition == record.Partition).Offset);
        Assert.Equal(second.Rows, before.Select(record => record.Id).Distinct().Count());
        var ads = await stage.ReadAsync(stage.Topics.AdViews, records => records.Count(record => record.Marker?.Attempt == 2) == 12);
        Assert.Equal(240, ads.Count(record => record.Id != 0));
    }

    [Fact]
    public async Task Days_are_ended_by_the_schedule_also_those_that_were_missed()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        // The first start was two days ago: that is what the cursor says.
        var since = BusinessDay.Parse(Convert.ToString(await stage.Source.ScalarAsync("select date_format(utc_timestamp() - interval 2 day, '%Y-%m-%d')", TestContext.Current.CancellationToken), System.Globalization.CultureInfo.InvariantCulture)!);
        var options = With(stage.Options, options => (options.EndOfDaySchedule, options.BusinessZone, options.EndOfDayGrace) = (true, "UTC", TimeSpan.Zero));
        await using (IngestRun.Start(stage.Options)) await stage.ReadAsync(stage.Topics.IngestCursors, records => records.Count >= 2);
        var cursor = (await stage.ReadAsync(stage.Topics.IngestCursors, records => records.Count >= 2))[0].Json<StreamCursor>();
        await PutAsync(stage, SourceStream.ViewLogs.Name(), cursor with { Since = since });
        await using var run = IngestRun.Start(options);
        var markers = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 24);
        Assert.Equal([since.Number, since.AddDays(1).Number], markers.Select(record => record.Marker!.LogDate).Distinct());
        Assert.Equal(
            SourceTime.FromUtc(since.AddDays(1).Date.ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc)).Micros,
            markers.First(record => record.Marker!.LogDate == since.Number).Marker!.Cutoff);
    }

    [Fact]
    public async Task Markers_that_a_crash_left_unwritten_are_written_as_they_were_fixed()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await using (IngestRun.Start(stage.Options)) await stage.ReadAsync(stage.Topics.IngestCursors, records => records.Count >= 2);
        var totals = SourceStreams.All.ToDictionary(stream => stream, stream => new ControlTotals(41 + (int)stream, 42, 43));
        await PutAsync(stage, "day/2026-11-21", DayRecord.Ending(SourceSql.Day, new SourceTime(1_000), "test").Mark(new SourceTime(1_000), totals));
        await using var run = IngestRun.Start(stage.Options);
        // A day of long ago is audited at once: its second attempt may stand behind the first one already.
        var markers = (await stage.ReadAsync(stage.Topics.AdViews, records => records.Count(IsFirst) == 12)).Where(IsFirst).ToList();
        Assert.Equal(12, markers.Select(record => record.Partition).Distinct().Count());
        Assert.All(markers, record => Assert.Equal((1_000L, 42L), (record.Marker!.Cutoff, record.Marker.Rows)));

        static bool IsFirst(Written record) => record.Marker is { Attempt: 1 };
    }

    [Fact]
    public async Task A_second_ingest_stands_by_and_takes_over_with_rows_and_commands()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        var first = IngestRun.Start(stage.Options);
        await first.BecameAsync("active");
        await using var second = IngestRun.Start(stage.Options);
        await second.BecameAsync("standby");
        await stage.Source.AddViewsAsync(10);
        await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 10);
        await first.DisposeAsync();
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
        await second.BecameAsync("active");
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count(record => record.Marker is not null) == 12);
        Assert.Equal(10, views.Where(record => record.Id != 0).Select(record => record.Id).Distinct().Count());
    }

    [Fact]
    public async Task An_ingest_whose_lock_was_taken_away_goes_back_to_asking_for_it()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await using var run = IngestRun.Start(stage.Options);
        await run.BecameAsync("active");
        var holder = await stage.Source.NumberAsync($"select is_used_lock('{MySqlSettings.NameOfLock(stage.TopicPrefix, stage.Source.Name)}')");
        await stage.Source.ExecuteAsync($"kill {holder}", TestContext.Current.CancellationToken);
        await run.ReasonAsync("mysql");
        await stage.Source.AddViewsAsync(10);
        Assert.Equal(10, (await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 10)).Count);
    }

    [Fact]
    public async Task An_older_source_is_refused_until_the_epoch_is_raised_and_then_read_from_its_beginning()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddViewsAsync(10);
        await using (IngestRun.Start(stage.Options))
            await stage.ReadAsync(stage.Topics.IngestCursors, records => records.Any(record => record.Key == "view-logs" && record.Json<StreamCursor>().HighestId == 10));
        // As after a restore of yesterday's backup.
        await stage.Source.ExecuteAsync("delete from daily_member_view_log where id > 4", TestContext.Current.CancellationToken);
        await using (var refused = IngestRun.Start(stage.Options))
        {
            Assert.Contains("raise Ingest:SourceEpoch to 2", await refused.ReasonAsync("source"), StringComparison.Ordinal);
            Assert.False(refused.Readiness.IsReady);
        }
        await using var raised = IngestRun.Start(With(stage.Options, options => options.SourceEpoch = 2));
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 14);
        Assert.Equal([1L, 2L, 3L, 4L], views.Where(record => record.Record.ViewLog.SourceEpoch == 2).Select(record => record.Id).Order());
    }

    [Fact]
    public async Task Without_PROCESS_nothing_is_read_unless_the_lag_is_trusted()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddViewsAsync(3);
        var blind = With(stage.Options, options => options.MySql = LookQueriesTests.WithoutProcessAsync(stage.Source).GetAwaiter().GetResult());
        await using (var refused = IngestRun.Start(blind))
        {
            Assert.Contains("PROCESS", await refused.ReasonAsync("source"), StringComparison.Ordinal);
            Assert.False(refused.Readiness.IsReady);
        }
        await using var trusting = IngestRun.Start(With(blind, options => options.TrustSafetyLag = true));
        await trusting.BecameAsync("active");
        Assert.Equal(3, (await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 3)).Count);
    }

    [Fact]
    public async Task A_topic_that_exists_keeps_its_partitions()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await KafkaTopics.EnsureAsync(stage.Broker.Bootstrap, "test", stage.Topics.All(3));
        await using var run = IngestRun.Start(stage.Options);
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
        var markers = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 3);
        Assert.Equal([0, 1, 2], markers.Select(record => record.Partition).Order());
    }

    [Fact]
    public async Task A_broker_that_is_killed_and_comes_back_misses_no_row()
    {
        await using var stage = await IngestStage.StartAsync(servers, ownBroker: true);
        await stage.Source.AddViewsAsync(100);
        await using var run = IngestRun.Start(stage.Options);
        await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 100);
        await stage.Broker.RestartAsync(kill: true);
        await stage.Source.AddViewsAsync(100);
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Select(record => record.Id).Distinct().Count() >= 200);
        Assert.Equal(await stage.Source.IdsInOrderAsync("daily_member_view_log"), views.Select(record => record.Id).Distinct().Order());
    }

    private static IngestOptions With(IngestOptions options, Action<IngestOptions> change)
    {
        change(options);
        return options;
    }

    private static async Task PutAsync<T>(IngestStage stage, string key, T record)
    {
        using var producer = new Confluent.Kafka.ProducerBuilder<string, byte[]>(new Confluent.Kafka.ProducerConfig { BootstrapServers = stage.Broker.Bootstrap }).Build();
        await producer.ProduceAsync(stage.Topics.IngestCursors, new Confluent.Kafka.Message<string, byte[]> { Key = key, Value = ControlJson.Serialize(record) }, TestContext.Current.CancellationToken);
    }

    private static async Task Run(MySqlConnection connection, string sql)
    {
        await using var command = new MySqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
