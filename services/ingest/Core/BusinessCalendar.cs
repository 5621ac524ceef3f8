using NodaTime;
using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest.Core;

/// <summary>When business days end, in the platform's own zone.</summary>
/// <param name="grace">Time after midnight for what the platform itself writes late.</param>
internal sealed class BusinessCalendar(DateTimeZone zone, TimeSpan grace)
{
    public BusinessDay DayOf(SourceTime time)
    {
        var date = Instant.FromUnixTimeTicks(checked(time.Micros * TimeSpan.TicksPerMicrosecond)).InZone(zone).Date;
        return BusinessDay.Of(date.Year, date.Month, date.Day);
    }

    /// <summary>
    /// The cutoff that the schedule gives a day: the first moment of the next date in the zone, plus grace. Where a change of
    /// clocks skips midnight that is the first moment after the gap; where it repeats midnight, the earlier one.
    /// </summary>
    public SourceTime CutoffOf(BusinessDay day)
    {
        var next = LocalDate.FromDateTime(day.Date.ToDateTime(TimeOnly.MinValue)).PlusDays(1);
        var start = zone.AtStartOfDay(next).ToInstant();
        return new SourceTime(start.ToUnixTimeTicks() / TimeSpan.TicksPerMicrosecond) + grace;
    }

    /// <returns>Days from <paramref name="from"/> on whose cutoff is not after <paramref name="now"/>, oldest first.</returns>
    public IEnumerable<BusinessDay> DueDays(BusinessDay from, SourceTime now)
    {
        for (var day = from; CutoffOf(day) <= now; day = day.AddDays(1)) yield return day;
    }
}
