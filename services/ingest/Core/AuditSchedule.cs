using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest.Core;

/// <summary>
/// When ended days are audited: at their cutoff plus every so often, for some days, by the source's clock. Nothing has to be remembered: the
/// newest attempt's horizon says up to when the source's totals have been read, whoever had them read.
/// </summary>
internal sealed record AuditSchedule(TimeSpan Every, int Days)
{
    /// <returns>
    /// The newest of the day's audit times that is not after <paramref name="bound"/>, when its totals have not been read since then; else
    /// null. Audits that were missed are one: the newest.
    /// </returns>
    public SourceTime? DueSince(DayRecord record, SourceTime bound)
    {
        var age = SourceTime.Min(bound, record.CutoffTime + TimeSpan.FromDays(Days)) - record.CutoffTime;
        if (age < Every) return null;
        var due = record.CutoffTime + TimeSpan.FromTicks(age.Ticks / Every.Ticks * Every.Ticks);
        return due > new SourceTime(record.Horizon) ? due : null;
    }
}
