using System.Diagnostics.Metrics;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.Ingest;

/// <summary>Log messages of ingest, 1xx; docs/operations.md names the ids.</summary>
internal sealed partial class IngestTelemetry(ILogger<IngestTelemetry> log)
{
    [LoggerMessage(101, LogLevel.Information, "another ingest is active: standing by")]
    public partial void StandingBy();

    public void Resumed(SourceStream stream, SourcePosition position, int epoch)
    {
        if (log.IsEnabled(LogLevel.Information)) Resumed(stream.Name(), position == SourcePosition.Beginning ? "the beginning" : position.ToString(), epoch);
    }

    [LoggerMessage(102, LogLevel.Information, "{Stream}: active, reading on from {Position}, source epoch {Epoch}")]
    private partial void Resumed(string stream, string position, int epoch);

    [LoggerMessage(103, LogLevel.Warning, "the source was lost, publishing stopped: {Reason}")]
    public partial void SourceLost(string reason);

    [LoggerMessage(104, LogLevel.Warning, "Kafka did not acknowledge, reading on from the stored cursor: {Reason}")]
    public partial void LogLost(string reason);

    [LoggerMessage(105, LogLevel.Error, "the source is not read: {Reason}")]
    public partial void SourceRefused(string reason);

    [LoggerMessage(106, LogLevel.Information, "{Command} {Day} by {By}: cutoff {Cutoff}")]
    public partial void CommandAccepted(CommandKind command, BusinessDay day, string by, SourceTime cutoff);

    [LoggerMessage(107, LogLevel.Warning, "{Command} {Day} by {By} is refused: {Reason}")]
    public partial void CommandRefused(CommandKind command, BusinessDay day, string by, string reason);

    [LoggerMessage(108, LogLevel.Information, "{Day} ends by schedule: cutoff {Cutoff}")]
    public partial void DayDue(BusinessDay day, SourceTime cutoff);

    [LoggerMessage(109, LogLevel.Information, "{Day}: published {ViewLogs} view logs and {AdViews} ad views again")]
    public partial void DayRepublished(BusinessDay day, long viewLogs, long adViews);

    public void DayMarked(DayRecord record)
    {
        if (!log.IsEnabled(LogLevel.Information)) return;
        var (views, ads) = (record.TotalsOf(SourceStream.ViewLogs), record.TotalsOf(SourceStream.AdViews));
        DayMarked(record.Day, record.Attempt, views.Rows, ads.Rows, new SourceTime(record.Horizon));
    }

    [LoggerMessage(110, LogLevel.Information, "{Day}: marked, attempt {Attempt}: {ViewLogs} completed view logs and {AdViews} ad views below {Horizon}")]
    private partial void DayMarked(BusinessDay day, int attempt, long viewLogs, long adViews, SourceTime horizon);

    [LoggerMessage(111, LogLevel.Error,
        "{Stream}: a row's updated_at is {Ahead} ahead of MySQL's clock; it is read once the clock gets there. Has somebody set updated_at by hand, or the clock back?")]
    public partial void RowInTheFuture(string stream, TimeSpan ahead);

    [LoggerMessage(112, LogLevel.Warning, "{Topic} has {Actual} partitions, Ingest:Partitions says {Configured}: the topic's own count stays in force")]
    public partial void OtherPartitionCount(string topic, int actual, int configured);

    [LoggerMessage(114, LogLevel.Warning, "reading has been held back for {Age} by {Holder}")]
    public partial void HeldBack(TimeSpan age, string holder);

    [LoggerMessage(115, LogLevel.Warning,
        "nothing new has been read for {Age}: MySQL's list of transactions can't be proved fresh. Another reader asks for information_schema.innodb_trx "
        + "more often than every 100 ms; have it ask less often")]
    public partial void Unproved(TimeSpan age);

    public void DayAudited(BusinessDay day, int attempt, bool changed)
    {
        if (changed) DayChanged(day, attempt);
        else DayUnchanged(day, attempt);
    }

    [LoggerMessage(116, LogLevel.Information, "{Day}: audited, the source's totals are what they were; marked as attempt {Attempt}")]
    private partial void DayUnchanged(BusinessDay day, int attempt);

    [LoggerMessage(117, LogLevel.Warning, "{Day}: audited, the source's totals are not what they were; marked as attempt {Attempt} for settlement to compare")]
    private partial void DayChanged(BusinessDay day, int attempt);

    [LoggerMessage(118, LogLevel.Information, "{Stream} row {Row} was published afresh for {By}")]
    public partial void RowPublished(string stream, long row, string by);

    [LoggerMessage(119, LogLevel.Warning, "{What} of {Day} could not be announced, whoever needs it finds it in the log: {Reason}")]
    public partial void NotAnnounced(EventKind what, BusinessDay day, string reason);

    [LoggerMessage(199, LogLevel.Critical, "ingest stops: {Reason}")]
    public partial void Stopped(string reason, Exception fatal);
}

/// <summary>Meters of ingest, <c>settlement_ingest_*</c>.</summary>
internal sealed class IngestMeters : IDisposable
{
    private readonly Meter _meter = new("StreamSettlement.Ingest");
    private readonly TimeProvider _time;
    private readonly Counter<long> _read;
    private readonly Counter<long> _published;
    private readonly Counter<long> _pages;
    private readonly Counter<long> _repaired;
    private readonly Histogram<double> _latency;
    private readonly Gauge<double> _lag;
    private readonly Gauge<double> _heldBack;
    private readonly Gauge<double> _ahead;
    private readonly Gauge<double> _unproved;
    private readonly Counter<long> _audits;
    private SourceTime _now;
    private long _firstReadMs;

    public IngestMeters(TimeProvider time)
    {
        _time = time;
        _read = _meter.CreateCounter<long>("settlement_ingest_rows_read_total", description: "Rows read from the source.");
        _published = _meter.CreateCounter<long>("settlement_ingest_rows_published_total", description: "Rows acknowledged by Kafka and behind the stored cursor.");
        _pages = _meter.CreateCounter<long>("settlement_ingest_pages_total", description: "Pages read that held rows.");
        _repaired = _meter.CreateCounter<long>("settlement_ingest_rows_repaired_total", description: "Rows published again by repairs.");
        _latency = _meter.CreateHistogram<double>("settlement_ingest_publish_seconds", description: "From a page being read to its cursor being stored.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] });
        _lag = _meter.CreateGauge<double>("settlement_ingest_lag_seconds", description: "MySQL's clock less the bound that both streams have reached.");
        _heldBack = _meter.CreateGauge<double>("settlement_ingest_held_back_seconds", description: "Age of the open transaction or statement that holds the horizon back; 0 for none.");
        _ahead = _meter.CreateGauge<double>("settlement_ingest_future_seconds", description: "How far the newest updated_at is ahead of MySQL's clock; 0 for not at all.");
        _unproved = _meter.CreateGauge<double>("settlement_ingest_unproved_seconds", description: "How long MySQL's list of transactions could not be proved fresh: for so long nothing new is read.");
        _audits = _meter.CreateCounter<long>("settlement_ingest_audits_total", description: "Audits of ended days, by outcome: unchanged, or changed totals of the source.");
        _meter.CreateObservableGauge("settlement_ingest_active", () => Active ? 1 : 0, description: "1 for the active ingest, 0 for a standby.");
        _meter.CreateObservableGauge("settlement_ingest_first_read_timestamp_seconds", FirstRead, description: "When the first page with rows had been asked for, since this start; seconds since the epoch.");
    }

    public bool Active { get; set; }

    /// <param name="askedAt">Milliseconds since the epoch: when the page was asked for.</param>
    public void Read(SourceStream stream, int rows, long askedAt)
    {
        if (rows == 0) return;
        Interlocked.CompareExchange(ref _firstReadMs, askedAt, 0);
        _read.Add(rows, Tag(stream));
        _pages.Add(1, Tag(stream));
    }

    public void Published(SourceStream stream, int rows, TimeSpan took)
    {
        _published.Add(rows, Tag(stream));
        _latency.Record(took.TotalSeconds, Tag(stream));
    }

    public void Repaired(SourceStream stream, long rows) => _repaired.Add(rows, Tag(stream));

    public void Looked(SourceLook look, RoundPlan plan)
    {
        _now = look.Now;
        _heldBack.Record(plan.HeldBackBy is null ? 0 : Math.Max(0, (look.Now - plan.HeldBackBy.Since).TotalSeconds));
    }

    public void Unproved(TimeSpan age) => _unproved.Record(Math.Max(0, age.TotalSeconds));

    public void Audited(bool changed) => _audits.Add(1, new KeyValuePair<string, object?>("outcome", changed ? "changed" : "unchanged"));

    public void Drained(SourceTime below) => _lag.Record(Math.Max(0, (_now - below).TotalSeconds));

    public void Ahead(SourceStream stream, TimeSpan ahead) => _ahead.Record(Math.Max(0, ahead.TotalSeconds), Tag(stream));

    public long NowMs => _time.GetUtcNow().ToUnixTimeMilliseconds();

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<double>> FirstRead()
    {
        var first = Interlocked.Read(ref _firstReadMs);
        return first == 0 ? [] : [new Measurement<double>(first / 1_000.0)];
    }

    private static KeyValuePair<string, object?> Tag(SourceStream stream) => new("stream", stream.Name());
}
