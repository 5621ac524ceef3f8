using System.Text;
using System.Text.Json;
using StreamSettlement.Contracts;

namespace StreamSettlement.UnitTests.Contracts;

public class ControlMessagesTests
{
    [Fact]
    public void A_command_typed_by_hand_is_read()
    {
        var command = ControlJson.Deserialize<ControlCommand>("""{"kind":"EndDay","day":"2026-11-21","by":"alice"}"""u8);
        Assert.Equal(new ControlCommand(CommandKind.EndDay, BusinessDay.Of(2026, 11, 21), "alice"), command);
    }

    [Fact]
    public void It_is_written_as_it_is_typed() =>
        Assert.Equal(
            """{"kind":"RepairDay","day":"2026-11-21","by":"settlement","reason":"3 rows short"}""",
            Encoding.UTF8.GetString(ControlJson.Serialize(
                new ControlCommand(CommandKind.RepairDay, BusinessDay.Of(2026, 11, 21), "settlement", "3 rows short"))));

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"kind":"Explode","day":"2026-11-21","by":"a"}""")]
    [InlineData("""{"kind":0,"day":"2026-11-21","by":"a"}""")]
    [InlineData("""{"kind":"EndDay","day":"yesterday","by":"a"}""")]
    [InlineData("""{"kind":"EndDay","day":"2026-11-21"}""")]
    [InlineData("""{"kind":"EndDay","day":"2026-11-21","by":null}""")]
    public void What_is_no_command_is_refused(string json) =>
        Assert.ThrowsAny<JsonException>(() => ControlJson.Deserialize<ControlCommand>(Encoding.UTF8.GetBytes(json)));
}
