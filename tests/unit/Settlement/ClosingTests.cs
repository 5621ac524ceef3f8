using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.UnitTests.Settlement;

public class ClosingTests
{
    private static readonly BusinessDay Day = BusinessDay.Of(2026, 11, 20);
    private static readonly DateTimeOffset Yesterday = new(2026, 11, 21, 0, 0, 0, TimeSpan.Zero);

    // Everything that follows in the order is wrong too: the first is named.
    [Theory]
    [InlineData(null, 0, 1, 1, nameof(CloseRefusal.NotIngested))]
    [InlineData(1, 2, 1, 1, nameof(CloseRefusal.NotSealed))]
    [InlineData(1, 3, 1, 1, nameof(CloseRefusal.DeadLetters))]
    [InlineData(1, 3, 0, 1, nameof(CloseRefusal.OutOfBalance))]
    [InlineData(1, 3, 0, 0, nameof(CloseRefusal.AlreadyPosted))]
    public void The_first_refusal_in_the_declared_order_is_given(int? attempt, int sealedPartitions, long deadLetters, long missing, string expected) =>
        Assert.Equal(expected, Closing.Refusal(Facts(attempt, sealedPartitions, deadLetters, missing, Posted(attempt)))?.ToString());

    [Fact]
    public void The_order_of_refusals_is_the_documented_one() => Assert.Equal(
        [CloseRefusal.NotIngested, CloseRefusal.NotSealed, CloseRefusal.DeadLetters, CloseRefusal.OutOfBalance, CloseRefusal.AlreadyPosted],
        Enum.GetValues<CloseRefusal>().Order());

    [Theory]
    [InlineData(null, 0, 0, 0, ClosingStep.Wait, DayStatus.Open)]
    [InlineData(1, 2, 0, 0, ClosingStep.Wait, DayStatus.Open)]
    [InlineData(1, 3, 1, 0, ClosingStep.Wait, DayStatus.Sealed)]
    [InlineData(1, 3, 0, 1, ClosingStep.AskRepair, DayStatus.Sealed)]
    [InlineData(1, 3, 0, 0, ClosingStep.Post, DayStatus.Balanced)]
    internal void A_new_day_passes_through(int? attempt, int sealedPartitions, long deadLetters, long missing, ClosingStep step, DayStatus status)
    {
        var decision = Closing.Decide(Facts(attempt, sealedPartitions, deadLetters, missing));
        Assert.Equal((step, status), (decision.Step, decision.Status));
    }

    // Repairs asked so far, attempt of the last of them, newest attempt.
    [Theory]
    [InlineData(0, null, 1, ClosingStep.AskRepair, DayStatus.Sealed)]
    [InlineData(1, 1, 1, ClosingStep.Wait, DayStatus.Sealed)]
    [InlineData(1, 1, 2, ClosingStep.AskRepair, DayStatus.Sealed)]
    [InlineData(2, 2, 3, ClosingStep.AskRepair, DayStatus.Sealed)]
    [InlineData(3, 3, 3, ClosingStep.Wait, DayStatus.Sealed)]
    [InlineData(3, 3, 4, ClosingStep.Alert, DayStatus.OutOfBalance)]
    internal void A_repair_is_asked_for_once_per_attempt_and_three_times_at_most(int repairs, int? repairAttempt, int attempt, ClosingStep step, DayStatus status)
    {
        var record = DayRecord.New with { Status = DayStatus.Sealed, Repairs = repairs, RepairAttempt = repairAttempt };
        var decision = Closing.Decide(Facts(attempt, 3, 0, missing: 1, record));
        Assert.Equal((step, status, CloseRefusal.OutOfBalance), (decision.Step, decision.Status, decision.Refusal));
    }

    [Fact]
    public void A_day_out_of_balance_stays_so_until_a_newer_attempt()
    {
        var record = DayRecord.New with { Status = DayStatus.OutOfBalance, Attempt = 4, Repairs = 3, RepairAttempt = 3 };
        Assert.Equal(ClosingStep.Wait, Closing.Decide(Facts(4, 3, 0, missing: 1, record)).Step);
        Assert.Equal(ClosingStep.Alert, Closing.Decide(Facts(5, 3, 0, missing: 1, record)).Step);
        Assert.Equal(ClosingStep.Post, Closing.Decide(Facts(5, 3, 0, missing: 0, record)).Step);
    }

    [Fact]
    public void An_accepted_difference_counts_as_balanced_also_at_a_later_attempt_with_the_same_totals()
    {
        var facts = Accepted(OutOfBalance(4));
        Assert.Equal((ClosingStep.Post, (CloseRefusal?)null), (Closing.Decide(facts).Step, Closing.Decide(facts).Refusal));
        Assert.Equal(ClosingStep.Post, Closing.Decide(facts with { Attempt = 5 }).Step);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(0)]
    public void Other_totals_are_another_difference(long missing)
    {
        var facts = Accepted(OutOfBalance(4)) with { Attempt = 5, Streams = Facts(5, 3, 0, missing).Streams };
        Assert.Null(facts.Accepted);
        Assert.Equal(missing == 0 ? null : CloseRefusal.OutOfBalance, Closing.Refusal(facts));
    }

    [Fact]
    public void An_acceptance_leaves_the_other_refusals_in_force()
    {
        Assert.Equal(CloseRefusal.DeadLetters, Closing.Refusal(Accepted(OutOfBalance(4)) with { OpenDeadLetters = 1 }));
        Assert.Equal(CloseRefusal.AlreadyPosted, Closing.Refusal(Accepted(OutOfBalance(4)) with { Record = Posted(4) }));
    }

    [Fact]
    public void Only_a_difference_that_repairs_did_not_help_can_be_accepted()
    {
        Assert.Null(Closing.AcceptRefusal(OutOfBalance(4)));
        Assert.Contains("still having", Closing.AcceptRefusal(Facts(1, 3, 0, 1)), StringComparison.Ordinal);
        Assert.Contains("still having", Closing.AcceptRefusal(OutOfBalance(4) with { Attempt = 5 }), StringComparison.Ordinal);
        Assert.Contains("nothing to accept", Closing.AcceptRefusal(Facts(1, 3, 0, 0)), StringComparison.Ordinal);
        Assert.Contains("dead letters", Closing.AcceptRefusal(OutOfBalance(4) with { OpenDeadLetters = 2 }), StringComparison.Ordinal);
        var disagreeing = OutOfBalance(4);
        disagreeing = disagreeing with { Streams = [disagreeing.Streams[0], disagreeing.Streams[1] with { MarkersAgree = false }] };
        Assert.Contains("different totals", Closing.AcceptRefusal(disagreeing), StringComparison.Ordinal);
    }

    private static DayFacts OutOfBalance(int attempt) => Facts(attempt, 3, 0, missing: 1, new(DayStatus.OutOfBalance, attempt, 3, attempt - 1, null, null));

    private static DayFacts Accepted(DayFacts facts) => facts with { LastAccepted = new Acceptance(facts.Attempt!.Value, "alice", "a test", facts.Difference, Yesterday) };

    [Fact]
    public void A_posted_day_waits_until_somebody_asks_or_a_newer_attempt_is_sealed()
    {
        Assert.Equal(ClosingStep.Wait, Closing.Decide(Facts(1, 3, 0, 0, Posted(1))).Step);
        Assert.Equal(ClosingStep.Post, Closing.Decide(Facts(1, 3, 0, 0, Posted(1)), asked: true).Step);
        Assert.Equal(ClosingStep.Post, Closing.Decide(Facts(2, 3, 0, 0, Posted(1))).Step);
    }

    [Theory]
    [InlineData(2, 0, 0)]
    [InlineData(3, 1, 0)]
    [InlineData(3, 0, 1)]
    public void A_posted_day_stays_posted_while_a_later_attempt_is_not_balanced(int sealedPartitions, long deadLetters, long missing) =>
        Assert.Equal(DayStatus.Posted, Closing.Decide(Facts(2, sealedPartitions, deadLetters, missing, Posted(1))).Status);

    [Fact]
    public void Asking_for_a_day_that_can_not_be_posted_changes_nothing() =>
        Assert.Equal(ClosingStep.Wait, Closing.Decide(Facts(null, 0, 0, 0), asked: true).Step);

    [Fact]
    public void A_stream_whose_partitions_are_not_known_is_not_sealed()
    {
        var facts = Facts(1, 3, 0, 0);
        facts = facts with { Streams = [facts.Streams[0] with { Partitions = null }, facts.Streams[1]] };
        Assert.Equal(CloseRefusal.NotSealed, Closing.Refusal(facts));
    }

    [Fact]
    public void Partitions_that_were_given_different_totals_are_out_of_balance()
    {
        var facts = Facts(1, 3, 0, 0);
        facts = facts with { Streams = [facts.Streams[0], facts.Streams[1] with { MarkersAgree = false }] };
        var decision = Closing.Decide(facts);
        Assert.Equal(CloseRefusal.OutOfBalance, decision.Refusal);
        Assert.Contains("different totals", decision.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void The_detail_names_both_sides_of_the_difference() => Assert.Equal(
        "view-logs at attempt 1: source 11 rows, id sum 5, 7 s; rollups 10 rows, id sum 5, 7 s; ad-views at attempt 1: source 11 rows, id sum 5, 7 s; rollups 10 rows, id sum 5, 7 s",
        Closing.Decide(Facts(1, 3, 0, missing: 1)).Detail);

    [Fact]
    public void The_detail_names_the_partitions_that_are_missing() => Assert.Equal(
        "view-logs: 2 of 3 partitions sealed at attempt 1; ad-views: 2 of 3 partitions sealed at attempt 1", Closing.Decide(Facts(1, 2, 0, 0)).Detail);

    private static DayRecord Posted(int? attempt) => new(DayStatus.Posted, attempt, 0, null, Yesterday, null);

    private static DayFacts Facts(int? attempt, int sealedPartitions, long deadLetters, long missing, DayRecord? record = null) => new(
        Day, attempt,
        [.. SourceStreams.All.Select(stream => new StreamFacts(
            stream, 3, sealedPartitions, sealedPartitions == 0 ? null : new Totals(10 + missing, 5, 7), true, new Totals(10, 5, 7)))],
        deadLetters, record ?? DayRecord.New);
}
