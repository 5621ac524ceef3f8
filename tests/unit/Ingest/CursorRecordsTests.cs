using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.UnitTests.Ingest;

public class CursorRecordsTests
{
    private static readonly BusinessDay Day = BusinessDay.Of(2026, 11, 21);

    private readonly CursorRecords _records = new();

    [Fact]
    public void The_newest_cursor_of_each_stream_counts()
    {
        foreach (var (stream, id) in new[] { (SourceStream.ViewLogs, 1), (SourceStream.AdViews, 5), (SourceStream.ViewLogs, 3), (SourceStream.ViewLogs, 2) })
            _records.Add(stream.Name(), ControlJson.Serialize(Cursor(id)));
        Assert.Equal((Cursor(2), Cursor(5)), (_records.CursorOf(SourceStream.ViewLogs), _records.CursorOf(SourceStream.AdViews)));
    }

    [Fact]
    public void A_stream_that_was_never_read_has_no_cursor() => Assert.Null(_records.CursorOf(SourceStream.ViewLogs));

    [Fact]
    public void A_day_goes_through_the_states_of_an_attempt_in_the_order_they_were_written()
    {
        Add((DayState.Ending, 0), (DayState.Marking, 1), (DayState.Marked, 1), (DayState.Repairing, 1));
        Assert.Equal((DayState.Repairing, 1), Found());
    }

    [Fact]
    public void An_older_attempt_that_a_halted_ingest_wrote_when_it_woke_does_not_hide_the_newer()
    {
        Add((DayState.Marked, 1), (DayState.Marking, 2), (DayState.Marked, 2), (DayState.Marking, 1), (DayState.Marked, 1));
        Assert.Equal((DayState.Marked, 2), Found());
    }

    [Fact]
    public void What_somebody_deleted_is_not_there()
    {
        _records.Add(SourceStream.AdViews.Name(), ControlJson.Serialize(Cursor(1)));
        Add((DayState.Marked, 3));
        _records.Add(SourceStream.AdViews.Name(), null);
        _records.Add(Topics.DayCursorKey(Day), null);
        Assert.Null(_records.CursorOf(SourceStream.AdViews));
        Assert.Empty(_records.Days);

        Add((DayState.Ending, 0));
        Assert.Equal((DayState.Ending, 0), Found());
    }

    [Fact]
    public void What_is_read_later_does_not_change_what_had_been_read()
    {
        Add((DayState.Marked, 1));
        var soFar = new CursorRecords(_records);
        Add((DayState.Repairing, 1));
        Assert.Equal(DayState.Marked, Assert.Single(soFar.Days).State);
    }

    private void Add(params (DayState State, int Attempt)[] written)
    {
        foreach (var (state, attempt) in written)
            _records.Add(Topics.DayCursorKey(Day), ControlJson.Serialize(DayRecord.Ending(Day, new SourceTime(5), "schedule") with { State = state, Attempt = attempt }));
    }

    private (DayState, int) Found()
    {
        var record = Assert.Single(_records.Days);
        return (record.State, record.Attempt);
    }

    private static StreamCursor Cursor(long id) => new(id, id, "server", id, 1, Day);
}
