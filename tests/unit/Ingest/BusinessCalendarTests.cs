using System.Globalization;
using NodaTime;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.UnitTests.Ingest;

public class BusinessCalendarTests
{
    [Theory]
    [InlineData("Asia/Seoul", "2026-11-21", "2026-11-21T15:10:00Z")]
    [InlineData("UTC", "2026-12-31", "2027-01-01T00:10:00Z")]
    // Clocks go back during 25 October, a day of 25 hours, and forward on 29 March.
    [InlineData("Europe/Berlin", "2026-10-24", "2026-10-24T22:10:00Z")]
    [InlineData("Europe/Berlin", "2026-10-25", "2026-10-25T23:10:00Z")]
    [InlineData("Europe/Berlin", "2026-03-29", "2026-03-29T22:10:00Z")]
    // Midnight of 2 November 2014 happened twice in Havana: the first one ends the day.
    [InlineData("America/Havana", "2014-11-01", "2014-11-02T04:10:00Z")]
    // Midnight of 15 October 2017 was skipped in São Paulo: the day before ended at 01:00 of the new offset.
    [InlineData("America/Sao_Paulo", "2017-10-14", "2017-10-15T03:10:00Z")]
    public void A_day_ends_at_midnight_of_its_zone_plus_grace(string zone, string day, string cutoff) =>
        Assert.Equal(At(cutoff), Calendar(zone).CutoffOf(BusinessDay.Parse(day)));

    [Theory]
    [InlineData("Asia/Seoul", "2026-11-21T14:59:59.999999Z", "2026-11-21")]
    [InlineData("Asia/Seoul", "2026-11-21T15:00:00Z", "2026-11-22")]
    [InlineData("America/Los_Angeles", "2026-11-21T07:59:59Z", "2026-11-20")]
    public void A_moment_belongs_to_the_date_of_its_zone(string zone, string time, string day) =>
        Assert.Equal(BusinessDay.Parse(day), Calendar(zone).DayOf(At(time)));

    [Fact]
    public void A_day_is_due_at_its_cutoff_and_not_before()
    {
        var since = BusinessDay.Of(2026, 11, 21);
        Assert.Empty(Calendar("Asia/Seoul").DueDays(since, At("2026-11-21T15:09:59.999999Z")));
        Assert.Equal([since], Calendar("Asia/Seoul").DueDays(since, At("2026-11-21T15:10:00Z")));
    }

    [Fact]
    public void Days_missed_during_a_downtime_are_due_in_order() =>
        Assert.Equal(
            [BusinessDay.Of(2026, 11, 19), BusinessDay.Of(2026, 11, 20), BusinessDay.Of(2026, 11, 21)],
            Calendar("Asia/Seoul").DueDays(BusinessDay.Of(2026, 11, 19), At("2026-11-22T03:00:00Z")));

    private static BusinessCalendar Calendar(string zone) => new(DateTimeZoneProviders.Tzdb[zone], TimeSpan.FromMinutes(10));

    private static SourceTime At(string utc) =>
        SourceTime.FromUtc(DateTime.Parse(utc, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal));
}
