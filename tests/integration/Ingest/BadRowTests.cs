using System.Globalization;
using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Source;
using StreamSettlement.IntegrationTests.Faults;

namespace StreamSettlement.IntegrationTests.Ingest;

/// <summary>Rows that MySQL keeps and nobody else can: dates that are none of the calendar's, ids beyond a signed number.</summary>
public sealed class BadRowTests(Servers servers)
{
    private static readonly SourceTime EndOfTime = SourceTime.FromUtc(new DateTime(2200, 1, 1, 0, 0, 0, DateTimeKind.Utc));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("2026-11-21", "0000-00-00 00:00:00", 20_261_121)]
    [InlineData("2026-11-21", "2026-00-21 01:02:03.000004", 20_261_121)]
    [InlineData("2026-11-21", "2026-11-00 01:02:03.000004", 20_261_121)]
    [InlineData("2026-11-21", "0000-11-21 01:02:03.000004", 20_261_121)]
    [InlineData("0000-00-00", "0000-00-00 00:00:00", 0)]
    [InlineData("2026-00-00", "0000-00-00 00:00:00", 20_260_000)]
    [InlineData("0000-11-21", "0000-00-00 00:00:00", 1_121)]
    [InlineData("2026-02-31", "0000-00-00 00:00:00", 20_260_231)]
    public async Task A_zero_in_created_at_is_the_epoch_and_log_date_is_passed_on_for_the_aggregator_to_refuse(string logDate, string createdAt, int number)
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await AddAsync(source, id: "7", logDate: logDate, createdAt: createdAt);
        var row = Assert.Single(await ReadAsync(source));
        Assert.Equal((number, 0L, "2026-11-21T01:02:03.000005Z"), (row.LogDate, row.CreatedAt.Micros, row.UpdatedAt.ToString()));
    }

    [Theory]
    [InlineData("0000-00-00 00:00:00")]
    [InlineData("2026-11-00 01:02:03")]
    public async Task A_zero_in_updated_at_of_a_row_that_is_read_by_its_id_is_the_epoch(string updatedAt)
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await AddAsync(source, id: "7", updatedAt: updatedAt);
        await using var session = await OpenAsync(source);
        using var page = await session.ReadRowAsync(SourceStream.ViewLogs, 7, Token);
        Assert.Equal(0, Assert.Single(page.Rows.ToArray()).UpdatedAt.Micros);
    }

    public static TheoryData<string, string, string> Refused => new()
    {
        { "member_id", "9223372036854775808", "ids must be below 2^63" },
        { "content_post_id", "18446744073709551615", "ids must be below 2^63" },
        { "id", "9223372036854775808", "ids must be below 2^63" },
        { "created_at", "2026-02-31 15:04:05.000006", "that is no date" },
        { "updated_at", "2026-02-31 15:04:05.000006", "that is no date" },
        { "updated_at", "2026-11-00 15:04:05.000006", "that is no date" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Another_value_that_cannot_be_kept_is_refused_with_its_row_and_column(string column, string value, string reason)
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        var id = column == "id" ? value : "7";
        await AddAsync(source, id: "3");
        await AddAsync(source, id, column == "member_id" ? value : "1", column == "content_post_id" ? value : "1",
            createdAt: column == "created_at" ? value : "2026-11-21", updatedAt: column == "updated_at" ? value : "2026-11-21 01:02:03.000005");
        var refused = await Assert.ThrowsAsync<SourceRefusedException>(() => ReadAsync(source));
        Assert.Equal($"daily_member_view_log, row {id}: {column} is {value}, and {reason}. Correct or remove the row in the source; reading then goes on by itself", refused.Message);
    }

    [Fact]
    public async Task An_advertisement_and_a_creator_are_refused_in_the_same_way()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await source.ExecuteAsync(
            "insert into member (id, nickname) values (9223372036854775808, 'x'); insert into content_post (id, creator_id, title, duration_seconds) values (5, 9223372036854775808, 't', 1); "
            + "insert into ad_view_log (id, member_id, content_post_id, advertisement_id, log_date) values (9, 1, 1, 9223372036854775809, '2026-11-21')", Token);
        await AddAsync(source, id: "7", content: "5");
        Assert.Contains("content_post, row 5: creator_id is 9223372036854775808", (await Assert.ThrowsAsync<SourceRefusedException>(() => ReadAsync(source))).Message, StringComparison.Ordinal);
        await using var session = await OpenAsync(source);
        var refused = await Assert.ThrowsAsync<SourceRefusedException>(() => session.ReadPageAsync(SourceStream.AdViews, SourcePosition.Beginning, EndOfTime, 10, Token));
        Assert.Contains("ad_view_log, row 9: advertisement_id is 9223372036854775809", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_id_beyond_2_to_the_63_is_refused_as_soon_as_the_server_is_looked_at()
    {
        await using var source = await servers.NewSourceDatabaseAsync();
        await AddAsync(source, id: "18446744073709551614");
        await using var session = await OpenAsync(source);
        var refused = await Assert.ThrowsAsync<SourceRefusedException>(() => session.LookAtServerAsync(Token));
        Assert.Contains("daily_member_view_log, row 18446744073709551614: id is 18446744073709551614", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reading_stops_before_a_bad_row_says_so_repeats_nothing_and_goes_on_when_it_is_mended()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        for (var i = 0; i < 3; i++) await stage.Source.AddViewsAsync(10);
        var ids = await stage.Source.IdsInOrderAsync("daily_member_view_log");
        var bad = ids[24];
        await stage.Source.ExecuteAsync($"set sql_mode = 'ALLOW_INVALID_DATES'; update daily_member_view_log set created_at = '2026-02-31', updated_at = updated_at where id = {bad}", Token);
        await stage.Source.AddAdsAsync(5);
        var options = stage.Options;
        options.PageRows = 10;
        var log = new RecordedLog<IngestTelemetry>();
        var points = new IngestPoints();
        await using var run = IngestRun.Start(options, points, log: log);

        var reason = await run.ReasonAsync("source");
        Assert.Contains($"daily_member_view_log, row {bad}: created_at is 2026-02-31 00:00:00.000000", reason, StringComparison.Ordinal);
        Assert.Equal(5, (await stage.ReadAsync(stage.Topics.AdViews, records => records.Count >= 5)).Count);
        // It looks again every second: what came before the row is acknowledged, and the cursor stands behind it.
        await points.RoundsAsync(12);
        await stage.Source.ExecuteAsync($"update daily_member_view_log set created_at = '2026-03-01', updated_at = updated_at where id = {bad}", Token);
        await run.BecameAsync("active");
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Any(record => record.Id == ids[29]) && records.Count >= ids.Count);
        Assert.Equal(ids, views.Select(record => record.Id).Order());
        Assert.Equal(1, log.Times(105));
    }

    [Fact]
    public async Task A_bad_row_that_is_to_be_published_again_is_refused_and_nothing_else_stops()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddViewsAsync(10);
        await using var run = IngestRun.Start(stage.Options);
        await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 10);
        await stage.Source.ExecuteAsync("set sql_mode = 'ALLOW_INVALID_DATES'; update daily_member_view_log set created_at = '2026-02-31', updated_at = updated_at where id = 5", Token);
        await stage.SendAsync(new ControlCommand(CommandKind.PublishRow, SourceSql.Day, "test", Stream: SourceStream.ViewLogs, Row: 5));
        var refused = Assert.Single(await stage.ReadAsync(stage.Topics.Events, events => events.Count >= 1)).Json<ControlEvent>();
        Assert.Equal(EventKind.CommandRefused, refused.Kind);
        Assert.Contains("row 5: created_at is 2026-02-31 00:00:00.000000", refused.Detail, StringComparison.Ordinal);
        await stage.Source.AddViewsAsync(1);
        await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 11);
    }

    private static Task<int> AddAsync(
        MySqlDatabase source, string id, string member = "1", string content = "1", string logDate = "2026-11-21", string createdAt = "2026-11-21 01:02:03",
        string updatedAt = "2026-11-21 01:02:03.000005") => source.ExecuteAsync(string.Create(CultureInfo.InvariantCulture,
        $"""
        set sql_mode = 'ALLOW_INVALID_DATES';
        insert into daily_member_view_log values ({id}, {member}, {content}, '{logDate}', 300, 299, 'COMPLETED', '{createdAt}', '{updatedAt}')
        """), Token);

    private static async Task<SourceRow[]> ReadAsync(MySqlDatabase source)
    {
        await using var session = await OpenAsync(source);
        using var page = await session.ReadPageAsync(SourceStream.ViewLogs, SourcePosition.Beginning, EndOfTime, 10, Token);
        return page.Rows.ToArray();
    }

    private static async Task<ISourceSession> OpenAsync(MySqlDatabase source) =>
        await new MySqlSource(new IngestOptions { KafkaBootstrap = "unused:1", MySql = source.IngestConnectionString }, TimeProvider.System).TryAcquireAsync(Token)
        ?? throw new InvalidOperationException("somebody else reads this database");
}
