using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Sink;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.Ingest;

/// <summary>
/// Ends and repairs business days. Each step is written to the cursor topic before it is taken, so that a crash at any point has
/// the next active ingest take it again with the same cutoff, the same attempt and the same totals.
/// </summary>
internal sealed class DayEnder(
    DayBook days, BusinessCalendar calendar, ISourceSession source, ILog log, Backfill backfill, IngestMeters meters, IngestTelemetry telemetry)
{
    private readonly Dictionary<BusinessDay, Task<IReadOnlyDictionary<SourceStream, ControlTotals>>> _totals = [];
    private BusinessDay? _scheduledUntil;

    /// <summary>Takes a command over: when this returns, what it asked for survives a crash.</summary>
    /// <param name="now">MySQL's clock, read after the command arrived.</param>
    public async Task AcceptAsync(ControlCommand command, SourceTime now, CancellationToken cancel)
    {
        var decision = days.Decide(command, calendar.DayOf(now), now);
        if (decision.Save is { } record)
        {
            await SaveAsync(record, cancel);
            telemetry.CommandAccepted(command.Kind, command.Day, command.By, record.CutoffTime);
        }
        else if (decision.Refusal is { } refusal)
        {
            telemetry.CommandRefused(command.Kind, command.Day, command.By, refusal);
            await log.AnnounceAsync(new ControlEvent(EventKind.CommandRefused, command.Day, "ingest", $"{command.Kind}: {refusal}"), cancel);
        }
        else if (decision.IsDoneAlready)
        {
            await AnnounceMarkedAsync(days.Find(command.Day)!, cancel);
        }
    }

    /// <summary>Begins to end every day whose scheduled cutoff has passed, oldest first: also those missed while ingest was down.</summary>
    /// <param name="since">Business day of the very first start.</param>
    public async Task AcceptDueDaysAsync(BusinessDay since, SourceTime now, CancellationToken cancel)
    {
        foreach (var day in calendar.DueDays(_scheduledUntil?.AddDays(1) ?? since, now))
        {
            if (days.Find(day) is null)
            {
                await SaveAsync(DayRecord.Ending(day, calendar.CutoffOf(day), "schedule"), cancel);
                telemetry.DayDue(day, calendar.CutoffOf(day));
            }
            _scheduledUntil = day;
        }
    }

    /// <summary>Writes the markers that a crash may have left half written, before anything else is published.</summary>
    public async Task FinishMarkingAsync(CancellationToken cancel)
    {
        foreach (var record in days.Marking.ToList()) await WriteMarkersAsync(record, cancel);
    }

    /// <summary>
    /// Has MySQL compute the totals of the days that end at <paramref name="cutoff"/> while the streams are still being read up to it:
    /// everything below it is committed.
    /// </summary>
    public void BeginTotals(SourceTime cutoff, CancellationToken cancel)
    {
        foreach (var record in days.EndingAt(cutoff))
            if (!_totals.ContainsKey(record.Day)) _totals[record.Day] = source.ReadTotalsAsync(record.Day, cutoff, cancel);
    }

    /// <summary>
    /// Ends the days whose cutoff is <paramref name="cutoff"/>. Everything below it is committed, published and acknowledged, and
    /// nothing at or above it is published: the markers stand exactly between the two.
    /// </summary>
    public async Task EndAsync(SourceTime cutoff, CancellationToken cancel)
    {
        BeginTotals(cutoff, cancel);
        foreach (var record in days.EndingAt(cutoff))
        {
            _totals.Remove(record.Day, out var totals);
            await MarkAsync(record, cutoff, await totals!.WaitAsync(cancel), cancel);
        }
    }

    /// <summary>Repairs the days that ask for it; both streams stand exactly at <paramref name="horizon"/>.</summary>
    public async Task RepairAsync(SourceTime horizon, CancellationToken cancel)
    {
        foreach (var record in days.Repairing.ToList())
        {
            var views = await backfill.RunAsync(SourceStream.ViewLogs, record.Day, horizon, cancel);
            var ads = await backfill.RunAsync(SourceStream.AdViews, record.Day, horizon, cancel);
            telemetry.DayRepublished(record.Day, views, ads);
            await MarkAsync(record, horizon, await source.ReadTotalsAsync(record.Day, horizon, cancel), cancel);
        }
    }

    /// <summary>
    /// Reads a day's totals again and marks its next attempt with them, whether they have changed or not: settlement then compares what was
    /// counted with what is there now, and posts what came late. Both streams stand exactly at <paramref name="horizon"/>.
    /// </summary>
    public async Task AuditAsync(BusinessDay day, SourceTime horizon, CancellationToken cancel)
    {
        var before = days.Find(day)!;
        var totals = await source.ReadTotalsAsync(day, horizon, cancel);
        var changed = SourceStreams.All.Any(stream => totals[stream] != before.TotalsOf(stream));
        meters.Audited(changed);
        telemetry.DayAudited(day, before.Attempt + 1, changed);
        await MarkAsync(before, horizon, totals, cancel);
    }

    /// <remarks>
    /// A row below the horizon is final, with one exception: the platform may touch a COMPLETED row without changing its facts, and
    /// MySQL moves its updated_at past the horizon. It was published, but the totals miss it; the day does not balance, and the repair
    /// that follows has a horizon above it.
    /// </remarks>
    private async Task MarkAsync(DayRecord record, SourceTime horizon, IReadOnlyDictionary<SourceStream, ControlTotals> totals, CancellationToken cancel)
    {
        var marking = record.Mark(horizon, totals);
        await SaveAsync(marking, cancel);
        await WriteMarkersAsync(marking, cancel);
    }

    private async Task WriteMarkersAsync(DayRecord record, CancellationToken cancel)
    {
        await Task.WhenAll(SourceStreams.All.Select(stream => log.PublishMarkerAsync(stream, MarkerOf(stream, record), cancel)));
        var marked = record with { State = DayState.Marked };
        await SaveAsync(marked, cancel);
        telemetry.DayMarked(marked);
        await AnnounceMarkedAsync(marked, cancel);
    }

    private async Task AnnounceMarkedAsync(DayRecord record, CancellationToken cancel)
    {
        foreach (var stream in SourceStreams.All)
        {
            var detail = $"{stream.Name()} attempt {record.Attempt}: {record.TotalsOf(stream).Rows} rows below {new SourceTime(record.Horizon)}";
            await log.AnnounceAsync(new ControlEvent(EventKind.DayMarked, record.Day, "ingest", detail), cancel);
        }
    }

    private async Task SaveAsync(DayRecord record, CancellationToken cancel)
    {
        await log.SaveAsync(Topics.DayCursorKey(record.Day), record, cancel);
        days.Set(record);
    }

    private static DayMarker MarkerOf(SourceStream stream, DayRecord record)
    {
        var totals = record.TotalsOf(stream);
        return new DayMarker
        {
            Stream = stream.Name(),
            LogDate = record.Day.Number,
            Attempt = record.Attempt,
            Cutoff = record.Cutoff,
            Horizon = record.Horizon,
            Rows = totals.Rows,
            IdSum = totals.IdSum,
            WatchSeconds = totals.WatchSeconds,
        };
    }
}
