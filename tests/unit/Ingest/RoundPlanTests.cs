using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.UnitTests.Ingest;

public class RoundPlanTests
{
    private static readonly SourceTime Now = SourceTime.FromUtc(new DateTime(2026, 11, 21, 12, 0, 0, DateTimeKind.Utc));
    private static readonly TimeSpan Lag = TimeSpan.FromSeconds(5);
    private static readonly BusinessDay Day = BusinessDay.Of(2026, 11, 21);

    private readonly DayBook _days = new(new AuditSchedule(TimeSpan.FromHours(1), 1));

    [Fact]
    public void Usually_both_streams_are_read_up_to_the_horizon() =>
        Assert.Equal(new RoundPlan(Now - Lag, null, Repairs: false, null), Plan(fresh: false));

    [Fact]
    public void A_settled_cutoff_ends_its_day_without_the_safety_lag()
    {
        _days.Set(DayRecord.Ending(Day, Now, "alice"));
        Assert.Equal(new RoundPlan(Now, Now, Repairs: false, null), Plan(fresh: true));
    }

    [Fact]
    public void A_cutoff_that_is_not_known_to_be_settled_waits_for_the_horizon()
    {
        _days.Set(DayRecord.Ending(Day, Now, "alice"));
        Assert.Equal(new RoundPlan(Now - Lag, null, Repairs: false, null), Plan(fresh: false));
    }

    [Fact]
    public void No_round_crosses_a_cutoff_that_lies_back()
    {
        var cutoff = Now - TimeSpan.FromHours(3);
        _days.Set(DayRecord.Ending(Day, cutoff, "schedule"));
        Assert.Equal(new RoundPlan(cutoff, cutoff, Repairs: false, null), Plan(fresh: false));
    }

    [Fact]
    public void A_transaction_that_is_older_than_the_cutoff_keeps_the_day_open()
    {
        var cutoff = Now - TimeSpan.FromMinutes(1);
        _days.Set(DayRecord.Ending(Day, cutoff, "schedule"));
        var open = new OpenWork("transaction of connection 7", cutoff - TimeSpan.FromMinutes(1));
        var plan = Plan(fresh: true, open);
        Assert.Equal(new RoundPlan(open.Since - Horizon.StartResolution, null, Repairs: false, open), plan);
    }

    [Fact]
    public void A_repair_stands_just_above_everything_published_and_not_at_the_end_of_a_backlog()
    {
        Repair(Now - TimeSpan.FromHours(5));
        var reached = Now - TimeSpan.FromHours(1);
        Assert.Equal(
            new RoundPlan(reached + TimeSpan.FromMicroseconds(1), null, Repairs: true, null),
            RoundPlan.Of(new SourceLook(Now, [], true), Lag, _days, [new SourcePosition(reached, 7), new SourcePosition(reached - Lag, 9)]));
    }

    [Fact]
    public void A_repair_never_stands_below_its_days_cutoff()
    {
        var cutoff = Now - TimeSpan.FromMinutes(1);
        Repair(cutoff);
        Assert.Equal(new RoundPlan(cutoff, null, Repairs: true, null), Plan(fresh: false));
    }

    [Fact]
    public void A_repair_right_after_the_end_of_its_day_waits_for_the_horizon()
    {
        Repair(Now - TimeSpan.FromSeconds(1));
        Assert.Equal(new RoundPlan(Now - Lag, null, Repairs: false, null), Plan(fresh: false));
    }

    [Fact]
    public void A_repair_stands_no_lower_than_when_it_was_asked_for()
    {
        var asked = Now - TimeSpan.FromMinutes(1);
        Repair(Now - TimeSpan.FromHours(5), asked);
        Assert.Equal(new RoundPlan(asked, null, Repairs: true, null), Plan(fresh: false));
    }

    [Fact]
    public void A_repair_of_a_moment_ago_waits_for_the_horizon_unless_nothing_is_open()
    {
        var asked = Now - TimeSpan.FromSeconds(1);
        Repair(Now - TimeSpan.FromHours(5), asked);
        Assert.Equal(new RoundPlan(Now - Lag, null, Repairs: false, null), Plan(fresh: false));
        Assert.Equal(new RoundPlan(asked, null, Repairs: true, null), Plan(fresh: true));
        _days.Set(DayRecord.Ending(Day.AddDays(1), asked - TimeSpan.FromTicks(10), "schedule"));
        Assert.False(Plan(fresh: true).Repairs);
    }

    [Fact]
    public void An_audit_stands_at_its_time_or_just_above_everything_published()
    {
        var cutoff = Now - TimeSpan.FromHours(3) - TimeSpan.FromMinutes(20);
        Marked(cutoff);
        var due = cutoff + TimeSpan.FromHours(3);
        Assert.Equal(new RoundPlan(due, null, Repairs: false, null, Audits: Day), Plan(fresh: false));
        var reached = Now - TimeSpan.FromMinutes(1);
        Assert.Equal(
            new RoundPlan(reached + TimeSpan.FromMicroseconds(1), null, Repairs: false, null, Audits: Day),
            RoundPlan.Of(new SourceLook(Now, [], true), Lag, _days, [new SourcePosition(reached, 7), SourcePosition.Beginning]));
    }

    [Fact]
    public void An_audit_waits_for_the_horizon()
    {
        Marked(Now - TimeSpan.FromHours(1));
        Assert.Equal(new RoundPlan(Now - Lag, null, Repairs: false, null), Plan(fresh: false));
    }

    [Fact]
    public void A_repair_comes_before_an_audit()
    {
        Marked(Now - TimeSpan.FromHours(2));
        _days.Set(DayRecord.Ending(Day.AddDays(-1), Now - TimeSpan.FromHours(5), "alice") with { State = DayState.Repairing, Attempt = 1 });
        var plan = Plan(fresh: false);
        Assert.Equal((true, null), (plan.Repairs, plan.Audits));
    }

    private void Marked(SourceTime cutoff) =>
        _days.Set(DayRecord.Ending(Day, cutoff, "schedule") with { State = DayState.Marked, Attempt = 1, Horizon = cutoff.Micros });

    private void Repair(SourceTime cutoff, SourceTime asked = default) =>
        _days.Set(DayRecord.Ending(Day, cutoff, "alice") with { State = DayState.Repairing, Attempt = 1, Asked = asked.Micros });

    private RoundPlan Plan(bool fresh, params OpenWork[] open) =>
        RoundPlan.Of(new SourceLook(Now, open, fresh), Lag, _days, [SourcePosition.Beginning, SourcePosition.Beginning]);
}
