using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Api;
using StreamSettlement.Settlement.Core;
using StreamSettlement.Settlement.Source;

namespace StreamSettlement.UnitTests.Settlement;

public class PeriodTests
{
    [Theory]
    [InlineData("day", "2026-11-21", "2026-11-21", "2026-11-21", "2026-11-21")]
    [InlineData("week", "2026-11-21", "2026-W47", "2026-11-16", "2026-11-22")]
    [InlineData("week", "2026-11-16", "2026-W47", "2026-11-16", "2026-11-22")]
    [InlineData("week", "2026-11-22", "2026-W47", "2026-11-16", "2026-11-22")]
    [InlineData("week", "2027-01-01", "2026-W53", "2026-12-28", "2027-01-03")]
    [InlineData("week", "2024-12-30", "2025-W01", "2024-12-30", "2025-01-05")]
    [InlineData("month", "2024-02-29", "2024-02", "2024-02-01", "2024-02-29")]
    [InlineData("month", "2026-12-31", "2026-12", "2026-12-01", "2026-12-31")]
    [InlineData("year", "2026-11-21", "2026", "2026-01-01", "2026-12-31")]
    [InlineData("week", "9999-12-31", "9999-W52", "9999-12-27", "9999-12-31")]
    public void A_day_lies_in_the_period_that_a_calendar_says(string text, string day, string label, string from, string to)
    {
        Assert.True(Periods.TryParse(text, out var period));
        Assert.Equal(new PeriodSpan(label, BusinessDay.Parse(from), BusinessDay.Parse(to)), period.Containing(BusinessDay.Parse(day)));
    }

    [Theory]
    [InlineData("days")]
    [InlineData("Day")]
    [InlineData("")]
    [InlineData(null)]
    public void Anything_else_is_no_period(string? text) => Assert.False(Periods.TryParse(text, out _));

    [Theory]
    [InlineData("day", 4)]
    [InlineData("week", 3)]
    [InlineData("month", 2)]
    [InlineData("year", 2)]
    public void Every_grouping_holds_the_same_views_as_the_days(string text, int periods)
    {
        Assert.True(Periods.TryParse(text, out var period));
        ContentDay[] days = [.. new[] { "2026-12-14", "2026-12-27", "2026-12-28", "2027-01-03" }
            .Select((day, index) => new ContentDay(BusinessDay.Parse(day), index + 1, 10, 100, new Micros(7), new Micros(9)))];
        var folded = StatsApi.Fold(period, days);
        Assert.Equal(periods, folded.Count);
        Assert.Equal((10, 40, 400), (folded.Sum(p => p.Views), folded.Sum(p => p.WatchSeconds), folded.Sum(p => p.AdViews)));
        Assert.Equal((28, 36), (folded.Sum(p => p.ViewMicros.Value), folded.Sum(p => p.AdMicros.Value)));
    }
}
