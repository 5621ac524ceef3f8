using System.Globalization;
using StreamSettlement.Contracts;

namespace StreamSettlement.Settlement.Core;

/// <summary>What statistics are grouped by. Weeks are ISO 8601: Monday to Sunday, numbered by their Thursday's year.</summary>
internal enum Period
{
    Day,
    Week,
    Month,
    Year,
}

/// <summary>The days of one period, both ends included.</summary>
/// <param name="Label"><c>2026-11-21</c>, <c>2026-W47</c>, <c>2026-11</c>, <c>2026</c>.</param>
internal readonly record struct PeriodSpan(string Label, BusinessDay From, BusinessDay To);

internal static class Periods
{
    /// <returns>False when <paramref name="text"/> is none of day, week, month, year.</returns>
    public static bool TryParse(string? text, out Period period)
    {
        period = text switch { "week" => Period.Week, "month" => Period.Month, "year" => Period.Year, _ => Period.Day };
        return text is "day" or "week" or "month" or "year";
    }

    /// <summary>The one definition of periods: whatever is shown per week, month or year is the days of this span.</summary>
    public static PeriodSpan Containing(this Period period, BusinessDay day)
    {
        var date = day.Date;
        return period switch
        {
            Period.Week => Week(date),
            Period.Month => Span($"{date.Year:0000}-{date.Month:00}", new DateOnly(date.Year, date.Month, 1),
                new DateOnly(date.Year, date.Month, DateTime.DaysInMonth(date.Year, date.Month))),
            Period.Year => Span($"{date.Year:0000}", new DateOnly(date.Year, 1, 1), new DateOnly(date.Year, 12, 31)),
            _ => Span(day.ToString(), date, date),
        };
    }

    private static PeriodSpan Week(DateOnly date)
    {
        // DayOfWeek begins with Sunday = 0; ISO weeks begin with Monday.
        var sinceMonday = ((int)date.DayOfWeek + 6) % 7;
        // The calendar's own ends cut their weeks short.
        var monday = DateOnly.FromDayNumber(Math.Max(date.DayNumber - sinceMonday, DateOnly.MinValue.DayNumber));
        var sunday = DateOnly.FromDayNumber(Math.Min(date.DayNumber - sinceMonday + 6, DateOnly.MaxValue.DayNumber));
        return Span($"{ISOWeek.GetYear(date):0000}-W{ISOWeek.GetWeekOfYear(date):00}", monday, sunday);
    }

    private static PeriodSpan Span(FormattableString label, DateOnly from, DateOnly to) =>
        Span(label.ToString(CultureInfo.InvariantCulture), from, to);

    private static PeriodSpan Span(string label, DateOnly from, DateOnly to) => new(label, new BusinessDay(from), new BusinessDay(to));
}
