using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.UnitTests.Settlement;

public class TargetRuleTests
{
    private static readonly BusinessDay Monday = BusinessDay.Of(2026, 11, 16);
    private static readonly BusinessDay Tuesday = Monday.AddDays(1);
    private static readonly RateCards Cards = new([RateCardTests.View(), RateCardTests.Ad()]);

    [Fact]
    public void A_content_that_crosses_two_tiers_in_a_day_is_paid_by_each_for_its_part()
    {
        var line = Rule(Monday).Next(Cell(1, Monday, 10, 600_000))!.Value;
        Assert.Equal(new Micros((100_000 * 1_000_000L) + (400_000 * 1_100_000L) + (100_000 * 1_300_000L)), line.Amount);
        Assert.Equal(600_000, line.Units);
    }

    [Fact]
    public void A_day_begins_in_the_tier_that_earlier_days_have_reached()
    {
        var rule = Rule(Monday, Tuesday);
        rule.Next(Cell(1, Monday, 10, 99_999));
        Assert.Equal(new Micros(1_000_000 + 1_100_000), rule.Next(Cell(1, Tuesday, 10, 2))!.Value.Amount);
    }

    [Fact]
    public void Another_content_begins_in_the_first_tier()
    {
        var rule = Rule(Monday);
        rule.Next(Cell(1, Monday, 10, 1_000_000));
        Assert.Equal(new Micros(1_000_000), rule.Next(Cell(2, Monday, 10, 1))!.Value.Amount);
    }

    [Fact]
    public void Units_of_a_day_that_is_not_covered_count_for_the_tier_but_are_not_paid()
    {
        var rule = Rule(Tuesday);
        Assert.Null(rule.Next(Cell(1, Monday, 10, 100_000)));
        Assert.Equal(new Micros(1_100_000), rule.Next(Cell(1, Tuesday, 10, 1))!.Value.Amount);
        Assert.Equal(1, rule.Totals.Lines);
    }

    [Fact]
    public void What_is_posted_already_is_not_posted_again() =>
        Assert.Null(Rule(Monday).Next(Cell(1, Monday, 10, 5, postedUnits: 5, postedMicros: 5_000_000)));

    [Fact]
    public void Only_the_difference_is_posted()
    {
        var line = Rule(Monday).Next(Cell(1, Monday, 10, 7, postedUnits: 5, postedMicros: 5_000_000))!.Value;
        Assert.Equal((2, new Micros(2_000_000)), (line.Units, line.Amount));
    }

    [Fact]
    public void Units_that_the_rollups_no_longer_hold_are_taken_back()
    {
        var line = Rule(Monday).Next(Cell(1, Monday, 10, 0, postedUnits: 5, postedMicros: 5_000_000))!.Value;
        Assert.Equal((-5, new Micros(-5_000_000)), (line.Units, line.Amount));
    }

    [Fact]
    public void An_amount_that_another_card_had_priced_is_corrected_without_units()
    {
        var line = Rule(Monday).Next(Cell(1, Monday, 10, 5, postedUnits: 5, postedMicros: 4_000_000))!.Value;
        Assert.Equal((0, new Micros(1_000_000)), (line.Units, line.Amount));
    }

    [Fact]
    public void Totals_are_the_sum_of_the_lines_in_all_and_per_day()
    {
        var rule = Rule(Monday, Tuesday);
        rule.Next(Cell(1, Monday, 10, 3));
        rule.Next(Cell(1, Tuesday, 10, 4));
        rule.Next(Cell(2, Monday, 11, 5));
        Assert.Equal(new RunTotals(3, 12, 12_000_000), rule.Totals);
        Assert.Equal(new RunTotals(2, 8, 8_000_000), rule.TotalsByDay[Monday]);
        Assert.Equal([1], rule.CardsUsed);
    }

    [Fact]
    public void Cells_out_of_order_are_a_bug_and_stop_the_run()
    {
        var rule = Rule(Monday, Tuesday);
        rule.Next(Cell(1, Tuesday, 10, 1));
        Assert.Throws<InvalidOperationException>(() => rule.Next(Cell(1, Monday, 10, 1)));
    }

    [Fact]
    public void A_cell_that_comes_twice_is_a_bug_and_stops_the_run()
    {
        var rule = Rule(Monday);
        rule.Next(Cell(1, Monday, 10, 1));
        Assert.Throws<InvalidOperationException>(() => rule.Next(Cell(1, Monday, 10, 1)));
    }

    [Fact]
    public void An_amount_on_a_day_that_no_run_covered_stops_the_run() =>
        Assert.Throws<InvalidOperationException>(() => Rule(Tuesday).Next(Cell(1, Monday, 10, 1, postedUnits: 1, postedMicros: 1)));

    [Fact]
    public void Negative_units_stop_the_run() =>
        Assert.Throws<InvalidOperationException>(() => Rule(Monday).Next(Cell(1, Monday, 10, -1)));

    private static TargetRule Rule(params BusinessDay[] covered) => new(PriceKind.View, Cards, covered.ToHashSet());

    private static Cell Cell(long content, BusinessDay day, long creator, long units, long postedUnits = 0, long postedMicros = 0) =>
        new(new ContentId(content), day, new CreatorId(creator), units, postedUnits, new Micros(postedMicros));
}
