using System.Diagnostics.Metrics;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Core;
using StreamSettlement.IntegrationTests.Faults;

namespace StreamSettlement.IntegrationTests.Ingest;

/// <summary>What nothing here can mend, and somebody must hear of.</summary>
public sealed class AlarmTests(Servers servers)
{
    [Fact]
    public async Task A_row_whose_updated_at_is_ahead_of_the_servers_clock_raises_an_alarm_and_is_not_read()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddContentsAsync(3);
        await stage.Source.AddViewsAsync(1, contents: 3);
        await stage.Source.ExecuteAsync("update daily_member_view_log set updated_at = now(6) + interval 1 hour", TestContext.Current.CancellationToken);
        using var ahead = new GaugeSeen("settlement_ingest_future_seconds");
        var log = new RecordedLog<IngestTelemetry>();
        await using var run = IngestRun.Start(stage.Options, log: log);

        Assert.Matches("view-logs: a row's updated_at is (00:59:5|01:00:0).* ahead of MySQL's clock", await log.SaidAsync(111));
        Assert.InRange(ahead.Highest, 3_500, 3_601);
        // A row of now passes it.
        await stage.Source.AddViewsAsync(1, contents: 3);
        Assert.Equal([2L], (await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 1)).Select(record => record.Id));
    }

    [Fact]
    public async Task A_list_of_transactions_that_stays_unproved_raises_an_alarm_because_nothing_is_read()
    {
        await using var stage = await IngestStage.StartAsync(servers);
        await stage.Source.AddContentsAsync(3);
        using var unproved = new GaugeSeen("settlement_ingest_unproved_seconds");
        var log = new RecordedLog<IngestTelemetry>();
        // As when another reader keeps MySQL's list old, by a clock that runs faster than the test.
        var (stale, looks) = (true, 0);
        var points = new IngestPoints { Looks = look => Volatile.Read(ref stale) ? new SourceLook(look.Now + TimeSpan.FromSeconds(looks++), look.Open, false) : look };
        await using var run = IngestRun.Start(stage.Options, points, log: log);
        await stage.Source.AddViewsAsync(1, contents: 3);

        Assert.Contains("innodb_trx", await log.SaidAsync(115), StringComparison.Ordinal);
        Assert.InRange(unproved.Highest, 10, 3_600);
        Assert.Equal(0, points.Published);
        Volatile.Write(ref stale, false);
        Assert.Single(await stage.ReadAsync(stage.Topics.ViewLogs, records => records.Count >= 1));
    }

    /// <summary>The highest value of a gauge of any ingest in this process: tests that run beside this one show nothing there.</summary>
    private sealed class GaugeSeen : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly Lock _gate = new();
        private double _highest;

        public GaugeSeen(string name)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == name) listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<double>((_, value, _, _) =>
            {
                lock (_gate) _highest = Math.Max(_highest, value);
            });
            _listener.Start();
        }

        public double Highest
        {
            get { lock (_gate) return _highest; }
        }

        public void Dispose() => _listener.Dispose();
    }
}
