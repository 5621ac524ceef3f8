using StreamSettlement.Contracts;

namespace StreamSettlement.UnitTests.Contracts;

public class MicrosTests
{
    [Theory]
    [InlineData(0, "0.000000")]
    [InlineData(1, "0.000001")]
    [InlineData(-1, "-0.000001")]
    [InlineData(1_234_500_000, "1234.500000")]
    [InlineData(long.MinValue, "-9223372036854.775808")]
    public void It_reads_as_units_with_six_decimals(long micros, string text) => Assert.Equal(text, new Micros(micros).ToString());

    [Fact]
    public void An_overflow_throws_and_never_wraps()
    {
        Assert.Throws<OverflowException>(() => new Micros(long.MaxValue) + new Micros(1));
        Assert.Throws<OverflowException>(() => new Micros(long.MinValue) - new Micros(1));
        Assert.Throws<OverflowException>(() => -new Micros(long.MinValue));
        Assert.Throws<OverflowException>(() => Micros.FromUnits(long.MaxValue));
        Assert.Throws<OverflowException>(() => Micros.FromInt128((Int128)long.MaxValue + 1));
    }

    [Fact]
    public void No_number_becomes_an_amount_by_itself() =>
        Assert.DoesNotContain(typeof(Micros).GetMethods(), method => method.Name is "op_Implicit" or "op_Explicit");
}
