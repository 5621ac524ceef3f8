using StreamSettlement.DevStack.Truth;

namespace StreamSettlement.UnitTests.DevStack;

public sealed class ComparisonTests
{
    [Fact]
    public void Equal_lines_in_another_order_are_equal()
    {
        var compared = Comparison.Of("views", ["a 1", "b 2", "b 2"], ["b 2", "a 1", "b 2"]);
        Assert.True(compared.IsEqual);
        Assert.Equal("views: 3 equal", compared.ToString());
    }

    [Fact]
    public void A_number_that_differs_is_shown_as_both_say_it()
    {
        var compared = Comparison.Of("views", ["a 1", "b 2"], ["a 1", "b 3"]);
        Assert.Equal(["b 2"], compared.Missing);
        Assert.Equal(["b 3"], compared.Unexpected);
        Assert.Contains("the source says  b 2", compared.ToString(), StringComparison.Ordinal);
        Assert.Contains("the books say  b 3", compared.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_that_is_there_once_too_often_is_not_equal() =>
        Assert.Equal(["a 1"], Comparison.Of("views", ["a 1"], ["a 1", "a 1"]).Unexpected);

    [Fact]
    public void Only_the_first_lines_are_shown_and_how_many_more_there_are() =>
        Assert.Contains("… and 15 more", Comparison.Of("views", [.. Enumerable.Range(0, 20).Select(line => $"{line}")], []).ToString(), StringComparison.Ordinal);
}
