using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Ingest.Core;
using StreamSettlement.IntegrationTests.Aggregator;

namespace StreamSettlement.IntegrationTests.Ingest;

public sealed class IngestProcessTests(Servers servers)
{
    [Fact]
    public async Task A_killed_ingest_may_repeat_rows_and_loses_none()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        for (var i = 0; i < 20; i++) await stage.Source.AddViewsAsync(1_000, contents: 50);
        var settings = stage.Settings(new Dictionary<string, string>
        {
            ["Ingest__SafetyLag"] = "00:00:00", ["Ingest__EndOfDaySchedule"] = "false", ["Ingest__PageRows"] = "50",
        });
        // Small pages: wherever in between the kill comes, rows are acknowledged whose cursor is not.
        await using (var killed = ServiceProcess.Ingest(settings, stage.State, TimeProvider.System, name: "ingest-killed"))
        {
            await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 500);
            await killed.Process.KillAsync();
        }
        await using var second = ServiceProcess.Ingest(settings, stage.State, TimeProvider.System);
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, Distinct(20_000));
        Assert.Equal(await stage.Source.IdsInOrderAsync("daily_member_view_log"), views.Select(record => record.Id).Distinct().Order());
    }

    [Fact]
    public async Task A_halted_ingest_loses_its_turn_and_stands_by_when_it_wakes()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        var settings = stage.Settings(new Dictionary<string, string> { ["Ingest__SafetyLag"] = "00:00:00", ["Ingest__EndOfDaySchedule"] = "false" });
        await using var halted = ServiceProcess.Ingest(settings, stage.State, TimeProvider.System, name: "ingest-halted");
        await LogUnderTest.UntilHealthAsync(halted, 200, "\"state\":\"active\"");
        await using var next = ServiceProcess.Ingest(settings, stage.State, TimeProvider.System, name: "ingest-next");
        await LogUnderTest.UntilHealthAsync(next, 200, "\"state\":\"standby\"");
        await stage.Source.AddViewsAsync(100);
        await CursorAtNewestAsync(stage);

        halted.Process.Suspend();
        await stage.Source.AddViewsAsync(100);
        await LogUnderTest.UntilHealthAsync(next, 200, "\"state\":\"active\"");
        await CursorAtNewestAsync(stage);
        halted.Process.Continue();
        await LogUnderTest.UntilHealthAsync(halted, 200, "\"state\":\"standby\"");
        Assert.Contains("[103]", halted.Process.LogTail(), StringComparison.Ordinal);

        // Neither had anything on its way: whatever either wrote stands once before the markers.
        await stage.SendAsync(CommandKind.EndDay, SourceSql.Day);
        var views = await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count(record => record.Marker is not null) == 12);
        Assert.Equal((await stage.Source.IdsInOrderAsync("daily_member_view_log")).Order(), views.Where(record => record.Id != 0).Select(record => record.Id).Order());
    }

    [Fact]
    public async Task The_service_shows_its_state_and_its_figures()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddViewsAsync(7);
        await using var service = ServiceProcess.Ingest(
            stage.Settings(new Dictionary<string, string> { ["Ingest__SafetyLag"] = "00:00:00", ["Ingest__EndOfDaySchedule"] = "false" }), stage.State, TimeProvider.System);
        await service.WaitUntilReadyAsync(TestContext.Current.CancellationToken);
        await CursorAtNewestAsync(stage);
        using var http = new HttpClient { BaseAddress = service.Address };
        Assert.Contains("\"state\":\"active\"", await http.GetStringAsync(new Uri("/health/ready", UriKind.Relative), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        var metrics = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Contains("settlement_ingest_rows_read_total{stream=\"view-logs\"} 7", metrics, StringComparison.Ordinal);
        Assert.Contains("settlement_ingest_active 1", metrics, StringComparison.Ordinal);
        Assert.Contains("settlement_ingest_first_read_timestamp_seconds ", metrics, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Ingest__KafkaBootstrap", "", "KafkaBootstrap")]
    [InlineData("Ingest__MySql", "nonsense", "MySql")]
    [InlineData("Ingest__BusinessZone", "Seoul", "BusinessZone")]
    public async Task Missing_or_malformed_configuration_is_refused_by_key_with_exit_code_2(string key, string value, string named)
    {
        var state = servers.NewStateDirectory();
        var settings = new ServiceSettings("127.0.0.1:1", "server=127.0.0.1;database=x;user id=y", "") { Environment = new Dictionary<string, string> { [key] = value } };
        await using var service = ServiceProcess.Ingest(settings, state, TimeProvider.System);
        Assert.Equal(2, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, TestContext.Current.CancellationToken));
        Assert.Contains(named, service.Process.LogTail(), StringComparison.Ordinal);
    }

    private static async Task CursorAtNewestAsync(IngestStage stage)
    {
        var newest = await stage.Source.NumberAsync("select max(id) from daily_member_view_log");
        await stage.ReadAsync(stage.Topics.IngestCursors, records => records.Any(record => record.Key == "view-logs" && record.Json<StreamCursor>().HighestId == newest));
    }

    /// <summary>Looks at each record once: rows are repeated, and there are many.</summary>
    private static Func<IReadOnlyList<Written>, bool> Distinct(int rows)
    {
        var (seen, looked) = (new HashSet<long>(), 0);
        return records =>
        {
            for (; looked < records.Count; looked++) seen.Add(records[looked].Id);
            return seen.Count >= rows;
        };
    }
}
