using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.UnitTests.Ingest;

public class AuditScheduleTests
{
    private static readonly SourceTime Cutoff = SourceTime.FromUtc(new DateTime(2026, 11, 21, 15, 10, 0, DateTimeKind.Utc));

    // Hours since the cutoff: the streams' bound, the newest attempt's horizon, and the audit that is due.
    [Theory]
    [InlineData(0, 0, null)]
    [InlineData(23.9, 0, null)]
    [InlineData(24, 0, 24)]
    [InlineData(30, 0, 24)]
    [InlineData(30, 24, null)] // audited
    [InlineData(30, 26, null)] // a repair has read the totals since
    [InlineData(60, 24, 48)]
    [InlineData(100, 0, 96)] // those that were missed are one
    [InlineData(168, 144, 168)]
    [InlineData(1_000, 144, 168)] // the last one, however late
    [InlineData(1_000, 168, null)]
    public void A_day_is_audited_daily_for_a_week(double bound, double horizon, int? due) =>
        Assert.Equal(due, DueAfter(new AuditSchedule(TimeSpan.FromDays(1), 7), bound, horizon));

    [Fact]
    public void No_days_are_no_audits() => Assert.Null(DueAfter(new AuditSchedule(TimeSpan.FromDays(1), 0), 1_000, 0));

    [Fact]
    public void The_last_audit_is_the_last_one_within_the_days() => Assert.Equal(20, DueAfter(new AuditSchedule(TimeSpan.FromHours(10), 1), 1_000, 0));

    private static double? DueAfter(AuditSchedule schedule, double bound, double horizon)
    {
        var record = DayRecord.Ending(BusinessDay.Of(2026, 11, 21), Cutoff, "schedule") with
        {
            State = DayState.Marked, Attempt = 1, Horizon = (Cutoff + TimeSpan.FromHours(horizon)).Micros,
        };
        return schedule.DueSince(record, Cutoff + TimeSpan.FromHours(bound)) is { } due ? (due - Cutoff).TotalHours : null;
    }
}
