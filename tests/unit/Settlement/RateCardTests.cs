using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.UnitTests.Settlement;

public class RateCardTests
{
    private static readonly BusinessDay Begin = BusinessDay.Of(1, 1, 1);

    internal static RateCard View(int id = 1, BusinessDay? from = null) => new(id, PriceKind.View, "KRW", from ?? Begin,
        [new(0, new(1_000_000)), new(100_000, new(1_100_000)), new(500_000, new(1_300_000)), new(1_000_000, new(1_500_000))]);

    internal static RateCard Ad(int id = 2, BusinessDay? from = null) => new(id, PriceKind.Ad, "KRW", from ?? Begin,
        [new(0, new(10_000_000)), new(100_000, new(12_000_000)), new(500_000, new(15_000_000)), new(1_000_000, new(20_000_000))]);

    // Units, won in tenths for views: the last unit below a step, the first above it.
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1_000_000)]
    [InlineData(99_999, 99_999_000_000)]
    [InlineData(100_000, 100_000_000_000)]
    [InlineData(100_001, 100_001_100_000)]
    [InlineData(499_999, 539_998_900_000)]
    [InlineData(500_000, 540_000_000_000)]
    [InlineData(500_001, 540_001_300_000)]
    [InlineData(999_999, 1_189_998_700_000)]
    [InlineData(1_000_000, 1_190_000_000_000)]
    [InlineData(1_000_001, 1_190_001_500_000)]
    [InlineData(3_000_000, 4_190_000_000_000)]
    public void The_default_card_prices_views(long units, long micros) => Assert.Equal((Int128)micros, View().Price(units));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 10_000_000)]
    [InlineData(99_999, 999_990_000_000)]
    [InlineData(100_000, 1_000_000_000_000)]
    [InlineData(100_001, 1_000_012_000_000)]
    [InlineData(499_999, 5_799_988_000_000)]
    [InlineData(500_000, 5_800_000_000_000)]
    [InlineData(500_001, 5_800_015_000_000)]
    [InlineData(999_999, 13_299_985_000_000)]
    [InlineData(1_000_000, 13_300_000_000_000)]
    [InlineData(1_000_001, 13_300_020_000_000)]
    public void The_default_card_prices_ad_views(long units, long micros) => Assert.Equal((Int128)micros, Ad().Price(units));

    [Fact]
    public void The_price_of_all_units_that_a_long_can_count_is_known_to_the_micro() =>
        Assert.Equal((Int128)1_190_000_000_000 + ((Int128)(long.MaxValue - 1_000_000) * 1_500_000), View().Price(long.MaxValue));

    [Fact]
    public void An_amount_beyond_64_bits_is_refused_instead_of_wrapping() =>
        Assert.Throws<OverflowException>(() => View().Between(0, long.MaxValue));

    [Fact]
    public void Negative_units_have_no_price() => Assert.Throws<ArgumentOutOfRangeException>(() => View().Price(-1));

    [Theory]
    [InlineData(new long[] { 1 }, "must begin at 0 units")]
    [InlineData(new long[0], "must begin at 0 units")]
    [InlineData(new long[] { 0, 5, 5 }, "must begin above 5 units")]
    [InlineData(new long[] { 0, 5, 4 }, "must begin above 5 units")]
    public void A_card_whose_tiers_make_no_sense_is_refused(long[] steps, string why)
    {
        var refused = Assert.Throws<ArgumentException>(() =>
            new RateCard(7, PriceKind.View, "KRW", Begin, [.. steps.Select(step => new Tier(step, new Micros(1)))]));
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        Assert.Contains("rate card 7", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_card_with_a_negative_price_is_refused() =>
        Assert.Throws<ArgumentException>(() => new RateCard(7, PriceKind.View, "KRW", Begin, [new(0, new(-1))]));

    [Theory]
    [InlineData("2026-01-01", 1)]
    [InlineData("2026-02-01", 3)]
    [InlineData("2026-02-28", 3)]
    [InlineData("2026-03-01", 5)]
    public void The_latest_card_of_the_kind_that_has_begun_is_in_force_and_of_equal_dates_the_later_one(string day, int expected)
    {
        var february = BusinessDay.Of(2026, 2, 1);
        var cards = new RateCards([View(1), Ad(2), View(3, february), Ad(4, february), View(5, BusinessDay.Of(2026, 3, 1)), View(0, february)]);
        Assert.Equal(expected, cards.InForce(PriceKind.View, BusinessDay.Parse(day)).Id);
    }

    [Fact]
    public void A_day_without_a_card_says_what_is_missing()
    {
        var cards = new RateCards([View(1, BusinessDay.Of(2026, 2, 1))]);
        var refused = Assert.Throws<InvalidOperationException>(() => cards.InForce(PriceKind.View, BusinessDay.Of(2026, 1, 31)));
        Assert.Contains("no view rate card is in force on 2026-01-31", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cards_of_two_currencies_are_refused() => Assert.Throws<ArgumentException>(() =>
        new RateCards([View(), new RateCard(9, PriceKind.Ad, "USD", Begin, [new(0, new(1))])]));
}
