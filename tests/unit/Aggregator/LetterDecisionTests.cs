using Google.Protobuf;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;

namespace StreamSettlement.UnitTests.Aggregator;

public class LetterDecisionTests
{
    private static readonly LogPartition At = new(SourceStream.ViewLogs, Partitioner.PartitionOf(new ContentId(7), Rows.Partitions));

    private static long Elsewhere => Enumerable.Range(8, 100).First(content => Partitioner.PartitionOf(new ContentId(content), Rows.Partitions) != At.Partition);

    [Fact]
    public void Redriving_a_row_has_it_published_afresh()
    {
        var decision = Redrive(Letter(new SourceRecord { ViewLog = Rows.View(id: 5) }));
        Assert.Equal((LetterStep.PublishRow, SourceStream.ViewLogs, 5L), (decision.Step, decision.Row!.Stream, decision.Row.Id));
    }

    [Fact]
    public void A_row_in_the_topic_of_the_other_stream_is_published_as_what_it_is() =>
        Assert.Equal(SourceStream.AdViews, Redrive(Letter(new SourceRecord { AdView = Rows.Ad(id: 5) })).Row!.Stream);

    [Theory]
    [InlineData(null)]
    [InlineData("hello")]
    [InlineData("marker")]
    [InlineData("no id")]
    public void Redriving_what_is_no_row_of_the_source_sends_the_bytes_again(string? what) =>
        Assert.Equal(LetterStep.Resend, Redrive(Letter(what switch
        {
            "hello" => "hello"u8.ToArray(),
            "marker" => new SourceRecord { DayMarker = Rows.Marker() }.ToByteArray(),
            "no id" => new SourceRecord { ViewLog = Rows.View(id: 0) }.ToByteArray(),
            _ => null,
        })).Step);

    [Fact]
    public void A_row_that_was_redriven_is_asked_for_again_because_a_crash_may_have_lost_the_first_time() =>
        Assert.Equal(LetterStep.PublishRow, Redrive(Letter(new SourceRecord { ViewLog = Rows.View() }) with { State = LetterState.Redriven, Decision = "by alice" }).Step);

    [Fact]
    public void What_was_decided_stays_decided()
    {
        var row = Letter(new SourceRecord { ViewLog = Rows.View() });
        Assert.Equal("dead letter 17 was discarded by alice", Redrive(row with { State = LetterState.Discarded, Decision = "by alice" }).Refusal);
        Assert.Equal("dead letter 17 was discarded by alice", Discard(row with { State = LetterState.Discarded, Decision = "by alice" }).Refusal);
        Assert.Equal("dead letter 17 was redriven by alice", Discard(row with { State = LetterState.Redriven, Decision = "by alice" }).Refusal);
        Assert.Equal("dead letter 17 was redriven by alice", Redrive(Letter("hello"u8.ToArray()) with { State = LetterState.Redriven, Decision = "by alice" }).Refusal);
    }

    [Fact]
    public void What_does_not_exist_or_is_not_named_is_refused()
    {
        Assert.Equal("there is no dead letter 17", Redrive(null).Refusal);
        Assert.Equal("it names no dead letter", LetterDecision.Of(Command(CommandKind.RedriveDeadLetter) with { Letter = null }, null).Refusal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(" ")]
    public void Discarding_takes_a_reason(string? reason) =>
        Assert.Contains("a name and a reason", LetterDecision.Of(Command(CommandKind.DiscardDeadLetter) with { Reason = reason }, Letter("hello"u8.ToArray())).Refusal, StringComparison.Ordinal);

    [Theory]
    [InlineData("ali\0ce", "a test")]
    [InlineData("alice", "a\0test")]
    public void What_could_not_be_written_down_is_refused(string by, string reason)
    {
        foreach (var kind in new[] { CommandKind.RedriveDeadLetter, CommandKind.DiscardDeadLetter })
            Assert.Contains("U+0000", LetterDecision.Of(Command(kind) with { By = by, Reason = reason }, Letter("hello"u8.ToArray())).Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void A_discarded_row_is_owed_where_it_belongs() => Assert.Equal(1, Discard(Letter(new SourceRecord { ViewLog = Rows.View() })).Row!.Id);

    public static TheoryData<string, Action<ViewLog>> NotOwed => new()
    {
        { "its content is another partition's", row => row.ContentId = Elsewhere },
        { "not COMPLETED", row => row.Status = ViewStatus.Unspecified },
        { "of no day", row => row.LogDate = 0 },
    };

    [Theory]
    [MemberData(nameof(NotOwed))]
    public void A_discarded_row_that_the_sources_totals_do_not_hold_here_is_owed_by_nobody(string why, Action<ViewLog> spoil)
    {
        var row = Rows.View();
        spoil(row);
        var decision = Discard(Letter(new SourceRecord { ViewLog = row }));
        Assert.True(decision is { Step: LetterStep.Discard, Row: null }, why);
    }

    [Fact]
    public void A_row_of_the_other_stream_is_owed_by_nobody() =>
        Assert.Equal(new LetterDecision(LetterStep.Discard), Discard(Letter(new SourceRecord { AdView = Rows.Ad() })));

    [Fact]
    public void A_row_that_may_be_a_letter_is_found_by_its_epoch_and_id_and_beyond_the_bound_it_is_any_row()
    {
        var known = new KnownLetters();
        Assert.False(known.MayHold(1, 5));
        known.Add(1, 5);
        Assert.True(known.MayHold(1, 5));
        Assert.False(known.MayHold(2, 5));
        for (var id = 0; id <= KnownLetters.RowsMax; id++) known.Add(3, id);
        Assert.True(known.MayHold(2, 5));
    }

    private static LetterDecision Redrive(StoredLetter? letter) => LetterDecision.Of(Command(CommandKind.RedriveDeadLetter), letter);

    private static LetterDecision Discard(StoredLetter letter) => LetterDecision.Of(Command(CommandKind.DiscardDeadLetter), letter);

    private static ControlCommand Command(CommandKind kind) => new(kind, Rows.Day, "alice", "a test", Letter: 17);

    private static StoredLetter Letter(SourceRecord record) => Letter(record.ToByteArray());

    private static StoredLetter Letter(byte[]? value) => new(17, At, Rows.Partitions, "7"u8.ToArray(), value, LetterState.Open, null);
}
