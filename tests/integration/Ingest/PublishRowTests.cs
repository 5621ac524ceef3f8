using StreamSettlement.Contracts;

namespace StreamSettlement.IntegrationTests.Ingest;

/// <summary>Single rows published afresh, as redriving a dead letter asks for.</summary>
public sealed class PublishRowTests(Servers servers)
{
    [Fact]
    public async Task A_row_is_published_as_the_source_has_it_now_under_the_key_of_its_content()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddViewsAsync(2, contents: 3);
        await using var run = IngestRun.Start(stage.Options);
        var before = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 2);
        Assert.All(before, record => Assert.Equal(0, record.Record.ViewLog.CreatorId));

        await stage.Source.AddContentsAsync(3);
        await stage.SendAsync(Publish(SourceStream.ViewLogs, 2));
        var fresh = (await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 3)).Single(record => record.Record.ViewLog.CreatorId != 0);
        var view = fresh.Record.ViewLog;
        Assert.Equal((2L, 1 + (view.ContentId % 2), $"{view.ContentId}"), (view.Id, view.CreatorId, fresh.Key));
        Assert.Equal(before.Single(record => record.Id == 2).Partition, fresh.Partition);
        Assert.Equal("view-logs row 2", (await EventsAsync(stage, 1))[0].Detail);
    }

    [Fact]
    public async Task A_row_that_is_gone_or_not_completed_is_refused_with_the_reason()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddContentsAsync(3);
        await stage.Source.AddViewsAsync(1, contents: 3, status: "PAUSED");
        await using var run = IngestRun.Start(stage.Options);
        await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 1);
        await stage.SendAsync(Publish(SourceStream.ViewLogs, 1));
        await stage.SendAsync(Publish(SourceStream.AdViews, 7));
        await stage.SendAsync(Publish(SourceStream.ViewLogs, 1) with { Row = null });
        var refused = await EventsAsync(stage, 3);
        Assert.All(refused, happened => Assert.Equal(EventKind.CommandRefused, happened.Kind));
        Assert.Equal(
            [
                "PublishRow: view-logs row 1 is not COMPLETED in the source: it is published by itself when it is",
                "PublishRow: ad-views row 7 is not in the source any more",
                "PublishRow: it names no stream and row",
            ], refused.Select(happened => happened.Detail));
    }

    [Fact]
    public async Task A_row_that_the_stream_has_not_reached_is_left_to_it()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddContentsAsync(3);
        var options = stage.Options;
        options.SafetyLag = TimeSpan.FromMinutes(30);
        await using var run = IngestRun.Start(options);
        await run.BecameAsync("active");
        await stage.Source.AddAdsAsync(1, contents: 3);
        await stage.SendAsync(Publish(SourceStream.AdViews, 1));
        var refused = Assert.Single(await EventsAsync(stage, 1));
        Assert.Contains("which the stream has not reached", refused.Detail, StringComparison.Ordinal);
    }

    private static ControlCommand Publish(SourceStream stream, long row) => new(CommandKind.PublishRow, SourceSql.Day, "test", Stream: stream, Row: row);

    private static async Task<List<ControlEvent>> EventsAsync(IngestStage stage, int count) =>
        [.. (await stage.ReadAsync(stage.Topics.Events, events => events.Count >= count)).Select(record => record.Json<ControlEvent>())];
}
