using System.Text.Json;
using StreamSettlement.Contracts;

namespace StreamSettlement.UnitTests.Contracts;

public class BusinessDayTests
{
    [Theory]
    [InlineData(20261121, true)]
    [InlineData(20240229, true)]
    [InlineData(20230229, false)]
    [InlineData(20261301, false)]
    [InlineData(20261100, false)]
    [InlineData(0, false)]
    [InlineData(-20261121, false)]
    [InlineData(int.MaxValue, false)]
    public void Only_a_number_that_is_a_date_becomes_a_day(int number, bool isDay)
    {
        Assert.Equal(isDay, BusinessDay.TryFromNumber(number, out var day));
        if (isDay) Assert.Equal(number, day.Number);
    }

    [Theory]
    [InlineData("2026-11-21", true)]
    [InlineData("2026-1-2", false)]
    [InlineData("21.11.2026", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Only_year_month_day_is_read(string? text, bool isDay) => Assert.Equal(isDay, BusinessDay.TryParse(text, out _));

    [Fact]
    public void Json_carries_it_as_text_and_back()
    {
        var day = BusinessDay.Of(2026, 11, 21);
        Assert.Equal("\"2026-11-21\"", JsonSerializer.Serialize(day));
        Assert.Equal(day, JsonSerializer.Deserialize<BusinessDay>("\"2026-11-21\""));
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<BusinessDay>("20261121"));
    }
}
