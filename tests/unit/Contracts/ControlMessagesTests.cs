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

    [Fact]
    public void A_command_about_a_dead_letter_or_a_row_names_it()
    {
        var discard = new ControlCommand(CommandKind.DiscardDeadLetter, BusinessDay.Of(2026, 11, 21), "alice", "a test row", Letter: 17);
        Assert.Equal(
            """{"kind":"DiscardDeadLetter","day":"2026-11-21","by":"alice","reason":"a test row","letter":17}""", Encoding.UTF8.GetString(ControlJson.Serialize(discard)));
        var publish = ControlJson.Deserialize<ControlCommand>("""{"kind":"PublishRow","day":"2026-11-21","by":"alice","stream":"AdViews","row":5}"""u8);
        Assert.Equal(new ControlCommand(CommandKind.PublishRow, BusinessDay.Of(2026, 11, 21), "alice", Stream: SourceStream.AdViews, Row: 5), publish);
    }

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
