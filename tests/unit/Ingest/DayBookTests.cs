using System.Text;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.UnitTests.Ingest;

public class DayBookTests
{
    private static readonly BusinessDay Today = BusinessDay.Of(2026, 11, 21);
    private static readonly SourceTime Now = SourceTime.FromUtc(new DateTime(2026, 11, 21, 12, 0, 0, DateTimeKind.Utc));
    private static readonly SourceTime Earlier = Now - TimeSpan.FromHours(1);

    private readonly DayBook _days = new(new AuditSchedule(TimeSpan.FromDays(1), 7));

    [Fact]
    public void Ending_a_day_fixes_its_cutoff()
    {
        var decision = Decide(CommandKind.EndDay, Today);
        Assert.Equal(DayRecord.Ending(Today, Now, "alice"), decision.Save! with { Totals = decision.Save.Totals }, RecordsEqual);
        Assert.Null(decision.Refusal);
    }

    [Theory]
    [InlineData(nameof(DayState.Ending), false)]
    [InlineData(nameof(DayState.Repairing), false)]
    [InlineData(nameof(DayState.Marking), false)]
    [InlineData(nameof(DayState.Marked), true)]
    public void Ending_a_day_twice_changes_nothing(string state, bool announcedAgain)
    {
        Have(Enum.Parse<DayState>(state));
        Assert.Equal(new DayDecision(IsDoneAlready: announcedAgain), Decide(CommandKind.EndDay, Today));
    }

    [Fact]
    public void A_future_day_is_refused()
    {
        var decision = Decide(CommandKind.EndDay, Today.AddDays(1));
        Assert.Null(decision.Save);
        Assert.Equal("2026-11-22 is in the future: today is 2026-11-21; a day can be ended once it has begun", decision.Refusal);
    }

    [Fact]
    public void A_day_that_was_not_ended_is_not_repaired() =>
        Assert.StartsWith("2026-11-21 has not been ended", Decide(CommandKind.RepairDay, Today).Refusal, StringComparison.Ordinal);

    [Fact]
    public void A_marked_day_is_repaired_with_the_cutoff_it_has()
    {
        Have(DayState.Marked);
        var repairing = Decide(CommandKind.RepairDay, Today).Save!;
        Assert.Equal((DayState.Repairing, Earlier, 1), (repairing.State, repairing.CutoffTime, repairing.Attempt));
    }

    [Theory]
    [InlineData(nameof(DayState.Ending))]
    [InlineData(nameof(DayState.Repairing))]
    [InlineData(nameof(DayState.Marking))]
    public void A_repair_joins_what_is_under_way(string state)
    {
        Have(Enum.Parse<DayState>(state));
        Assert.Equal(new DayDecision(), Decide(CommandKind.RepairDay, Today));
    }

    [Theory]
    [InlineData(CommandKind.PublishRow)]
    [InlineData(CommandKind.RedriveDeadLetter)]
    [InlineData(CommandKind.DiscardDeadLetter)]
    public void What_is_no_business_of_days_is_passed_over(CommandKind kind) => Assert.Equal(new DayDecision(), Decide(kind, Today));

    [Fact]
    public void The_audit_that_has_been_due_for_longest_comes_first()
    {
        foreach (var back in new[] { 1, 3, 2 })
            _days.Set(DayRecord.Ending(Today.AddDays(-back), Now - TimeSpan.FromDays(back), "schedule") with { State = DayState.Marked, Attempt = 1, Horizon = (Now - TimeSpan.FromDays(back)).Micros });
        var at = Now + TimeSpan.FromMinutes(1);
        // Of each the newest audit time, all of them this moment: of equals the oldest day.
        Assert.Equal((Today.AddDays(-3), Now), (_days.AuditDue(at)!.Value.Record.Day, _days.AuditDue(at)!.Value.Due));
        Assert.Null(_days.AuditDue(Now - TimeSpan.FromDays(2.5)));
    }

    [Theory]
    [InlineData(nameof(DayState.Ending))]
    [InlineData(nameof(DayState.Repairing))]
    [InlineData(nameof(DayState.Marking))]
    public void A_day_that_is_being_ended_or_repaired_is_not_audited(string state)
    {
        Have(Enum.Parse<DayState>(state));
        Assert.Null(_days.AuditDue(Now + TimeSpan.FromDays(2)));
    }

    [Fact]
    public void Every_marking_is_the_next_attempt_with_its_own_horizon_and_the_same_cutoff()
    {
        var totals = SourceStreams.All.ToDictionary(stream => stream, stream => new ControlTotals(1 + (int)stream, 2, 3));
        var second = DayRecord.Ending(Today, Earlier, "alice").Mark(Earlier, totals).Mark(Now, totals);
        Assert.Equal((2, Earlier, Now.Micros, DayState.Marking), (second.Attempt, second.CutoffTime, second.Horizon, second.State));
        Assert.Equal(2, second.TotalsOf(SourceStream.AdViews).Rows);
    }

    [Fact]
    public void The_lowest_cutoff_comes_first_and_days_that_share_it_come_together()
    {
        _days.Set(DayRecord.Ending(Today, Now, "alice"));
        _days.Set(DayRecord.Ending(Today.AddDays(-1), Earlier, "alice"));
        _days.Set(DayRecord.Ending(Today.AddDays(-2), Earlier, "alice"));
        Assert.Equal(Earlier, _days.PendingCutoff);
        Assert.Equal([Today.AddDays(-2), Today.AddDays(-1)], _days.EndingAt(Earlier).Select(record => record.Day));
    }

    [Fact]
    public void A_record_survives_its_JSON_with_an_id_sum_above_2_to_the_63()
    {
        var totals = SourceStreams.All.ToDictionary(stream => stream, _ => new ControlTotals(5, ulong.MaxValue, 7));
        var record = DayRecord.Ending(Today, Earlier, "alice").Mark(Now, totals);
        var json = ControlJson.Serialize(record);
        var read = ControlJson.Deserialize<DayRecord>(json);
        Assert.Equal(Encoding.UTF8.GetString(json), Encoding.UTF8.GetString(ControlJson.Serialize(read)));
        Assert.Equal(ulong.MaxValue, read.TotalsOf(SourceStream.ViewLogs).IdSum);
    }

    [Fact]
    public void Records_are_found_again_by_their_key() =>
        Assert.StartsWith(DayRecord.KeyPrefix, Topics.DayCursorKey(Today), StringComparison.Ordinal);

    private static bool RecordsEqual(DayRecord? left, DayRecord? right) =>
        ControlJson.Serialize(left).AsSpan().SequenceEqual(ControlJson.Serialize(right));

    private void Have(DayState state) => _days.Set(DayRecord.Ending(Today, Earlier, "bob") with { State = state, Attempt = 1 });

    private DayDecision Decide(CommandKind kind, BusinessDay day) => _days.Decide(new ControlCommand(kind, day, "alice"), Today, Now);
}
