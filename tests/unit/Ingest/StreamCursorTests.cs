using System.Text;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.UnitTests.Ingest;

public class StreamCursorTests
{
    private static readonly StreamCursor Cursor = new(1_795_364_480_831_015, 1_000, "server-a", 2_000, 3, BusinessDay.Of(2026, 11, 21));

    [Fact]
    public void The_record_is_plain_JSON() =>
        Assert.Equal(
            """{"updatedAt":1795364480831015,"id":1000,"server":"server-a","highestId":2000,"epoch":3,"since":"2026-11-21"}""",
            Encoding.UTF8.GetString(ControlJson.Serialize(Cursor)));

    [Fact]
    public void What_is_written_is_read_back() => Assert.Equal(Cursor, ControlJson.Deserialize<StreamCursor>(ControlJson.Serialize(Cursor)));

    [Theory]
    [InlineData("server-a", 2_000, 3)]
    [InlineData("server-a", 9_000, 3)]
    // A higher epoch says that the operator knows.
    [InlineData("server-b", 5, 4)]
    public void The_same_source_or_a_raised_epoch_goes_on(string server, long highest, int epoch) => Assert.Null(Refusal(server, highest, epoch));

    [Theory]
    [InlineData("server-b", 2_000, 3, "'server-b'")]
    [InlineData("server-a", 1_999, 3, "restored to an older state")]
    [InlineData("server-a", 2_000, 2, "Ingest:SourceEpoch is 2")]
    public void A_changed_or_older_source_is_refused_until_the_epoch_is_raised(string server, long highest, int epoch, string because) =>
        Assert.Contains(because, Refusal(server, highest, epoch), StringComparison.Ordinal);

    [Fact]
    public void The_first_start_is_never_refused() =>
        Assert.Null(SourceGuard.Refusal(SourceStream.ViewLogs, null, Server("any", 0), 1));

    [Fact]
    public void A_first_cursor_lies_before_every_row()
    {
        var first = StreamCursor.First(Server("server-a", 7), 1, BusinessDay.Of(2026, 11, 21));
        Assert.Equal(SourcePosition.Beginning, first.Position);
        Assert.True(first.Position < new SourcePosition(SourceTime.FromUtc(new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc)), 1));
        Assert.Equal(0, first.HighestId);
    }

    private static string? Refusal(string server, long highest, int epoch) =>
        SourceGuard.Refusal(SourceStream.ViewLogs, Cursor, Server(server, highest), epoch);

    private static SourceServer Server(string identity, long highest) =>
        new(identity, SourceStreams.All.ToDictionary(stream => stream, _ => highest));
}
