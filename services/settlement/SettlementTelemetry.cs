using System.Diagnostics.Metrics;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.Settlement;

/// <summary>Log messages 301–319 and the meters of settlement.</summary>
internal sealed partial class SettlementTelemetry : IDisposable
{
    private readonly ILogger<SettlementTelemetry> _log;
    private readonly Meter _meter = new("StreamSettlement.Settlement");
    private readonly Counter<long> _runs;
    private readonly Histogram<double> _runSeconds;
    private readonly Counter<long> _lines;
    private readonly UpDownCounter<long> _postedMicros;
    private readonly Counter<long> _outOfBalance;
    private readonly Counter<long> _repairs;

    public SettlementTelemetry(ILogger<SettlementTelemetry> log)
    {
        _log = log;
        _meter.CreateObservableGauge("settlement_days",
            () => Days.Select(entry => new Measurement<long>(entry.Value, new KeyValuePair<string, object?>("status", entry.Key.ToString()))),
            description: "Business days by status.");
        _runs = _meter.CreateCounter<long>("settlement_runs_total", description: "Settlement runs by outcome: posted, or nothing when the books were right.");
        _runSeconds = _meter.CreateHistogram("settlement_run_seconds", "s", "Duration of a settlement run, waiting for another included.", tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] });
        _lines = _meter.CreateCounter<long>("settlement_lines_total", description: "Payout lines posted.");
        _postedMicros = _meter.CreateUpDownCounter<long>("settlement_posted_micros", description: "Micro-units posted since the start, net of adjustments.");
        _outOfBalance = _meter.CreateCounter<long>("settlement_out_of_balance_total", description: "Days given up on after every repair: an operator is needed.");
        _repairs = _meter.CreateCounter<long>("settlement_repairs_asked_total", description: "Repairs asked of ingest because the sums differed.");
        // A series that is there from the start can be alerted on.
        _outOfBalance.Add(0);
        _repairs.Add(0);
    }

    public IReadOnlyDictionary<DayStatus, long> Days { get; set; } = new Dictionary<DayStatus, long>();

    public void Ran(BusinessDay day, RunResult? result, TimeSpan took)
    {
        _runs.Add(1, new KeyValuePair<string, object?>("outcome", result is null ? "nothing" : "posted"));
        _runSeconds.Record(took.TotalSeconds);
        if (result is null)
        {
            RunFoundNothing(_log, day, took.TotalMilliseconds);
            return;
        }
        foreach (var (kind, totals) in result.Totals)
        {
            var label = new KeyValuePair<string, object?>("kind", kind.Name());
            _lines.Add(totals.Lines, label);
            _postedMicros.Add(checked((long)totals.Amount), label);
            EntryPosted(_log, day, result.RunId, totals.Lines, kind.Name(), totals.Units, Micros.FromInt128(totals.Amount));
        }
        RunPosted(_log, day, result.RunId, took.TotalMilliseconds);
    }

    public void RepairAsked(BusinessDay day, int repair, int most, string detail)
    {
        _repairs.Add(1);
        AskedForRepair(_log, day, repair, most, detail);
    }

    public void OutOfBalance(BusinessDay day, int repairs, string detail)
    {
        _outOfBalance.Add(1);
        GaveUp(_log, day, repairs, detail);
    }

    public void Accepted(BusinessDay day, Acceptance acceptance) => AcceptedBy(_log, day, acceptance.Attempt, acceptance.By, acceptance.Reason, acceptance.Difference);

    public void NotSent(string what, BusinessDay day, string reason) => Unsent(_log, what, day, reason);

    public void Stopped(Exception fault) => Fault(_log, fault);

    public void Dispose() => _meter.Dispose();

    [LoggerMessage(301, LogLevel.Information, "{Day} posted by run {RunId} in {Milliseconds:0} ms")]
    private static partial void RunPosted(ILogger log, BusinessDay day, long runId, double milliseconds);

    [LoggerMessage(302, LogLevel.Information, "{Day}, run {RunId}: {Lines} {Kind} lines, {Units} units, {Amount}")]
    private static partial void EntryPosted(ILogger log, BusinessDay day, long runId, long lines, string kind, long units, Micros amount);

    [LoggerMessage(303, LogLevel.Information, "{Day}: books and rollups agree, nothing to post ({Milliseconds:0} ms)")]
    private static partial void RunFoundNothing(ILogger log, BusinessDay day, double milliseconds);

    [LoggerMessage(311, LogLevel.Warning, "{Day} is out of balance, repair {Repair} of {Most} asked for: {Detail}")]
    private static partial void AskedForRepair(ILogger log, BusinessDay day, int repair, int most, string detail);

    [LoggerMessage(312, LogLevel.Error, "{Day} is out of balance after {Repairs} repairs and stays unposted until an operator decides: {Detail}")]
    private static partial void GaveUp(ILogger log, BusinessDay day, int repairs, string detail);

    [LoggerMessage(313, LogLevel.Warning, "{What} of {Day} could not be sent, the tables still say it: {Reason}")]
    private static partial void Unsent(ILogger log, string what, BusinessDay day, string reason);

    [LoggerMessage(314, LogLevel.Warning, "{Day}: {By} accepts the difference at attempt {Attempt}, because: {Reason}; {Difference}")]
    private static partial void AcceptedBy(ILogger log, BusinessDay day, int attempt, string by, string reason, string difference);

    [LoggerMessage(319, LogLevel.Critical, "settlement stops: a fault that retrying does not mend")]
    private static partial void Fault(ILogger log, Exception fault);
}
