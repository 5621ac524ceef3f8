using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.UnitTests.Settlement;

public class ChangesTests
{
    private static readonly RateCards Cards = new([RateCardTests.View(), RateCardTests.Ad()]);

    [Theory]
    [InlineData("16:a 17:b", "16:a 17:b", null)]
    [InlineData("16:a 17:b", "", "2026-11-16")]
    [InlineData("16:a 17:c 18:x", "16:a 17:b 18:y", "2026-11-17")]
    [InlineData("16:a 17:b 18:c", "16:a 17:b", "2026-11-18")]
    [InlineData("17:b", "16:a 17:b", "2026-11-16")]
    [InlineData("", "", null)]
    public void The_first_day_that_is_new_other_or_gone_is_found(string now, string settled, string? first) =>
        Assert.Equal(first, Changes.First(Marks(now), Marks(settled))?.ToString());

    [Fact]
    public void A_mark_changes_with_the_rollups_the_cards_and_with_being_paid()
    {
        var day = BusinessDay.Of(2026, 11, 16);
        var inputs = new DayInputs(day, "generation 1, view-logs 3 6 9");
        var corrected = new RateCards([RateCardTests.View(), RateCardTests.Ad(), RateCardTests.View(3, day)]);
        string[] marks =
        [
            inputs.Mark(Cards, covered: true), inputs.Mark(Cards, covered: false), inputs.Mark(corrected, covered: true),
            (inputs with { Rollups = "generation 2, view-logs 3 6 9" }).Mark(Cards, covered: true),
        ];
        Assert.Equal(marks.Length, marks.Distinct().Count());
        Assert.Equal(marks[0], inputs.Mark(Cards, covered: true));
    }

    [Fact]
    public void A_card_that_begins_later_leaves_a_mark_as_it_is()
    {
        var inputs = new DayInputs(BusinessDay.Of(2026, 11, 16), "generation 1");
        var later = new RateCards([RateCardTests.View(), RateCardTests.Ad(), RateCardTests.View(3, BusinessDay.Of(2026, 11, 17))]);
        Assert.Equal(inputs.Mark(Cards, covered: true), inputs.Mark(later, covered: true));
    }

    private static Dictionary<BusinessDay, string> Marks(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        .ToDictionary(mark => BusinessDay.Parse($"2026-11-{mark[..2]}"), mark => mark[3..]);
}
