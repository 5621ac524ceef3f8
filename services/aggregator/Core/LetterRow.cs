using Google.Protobuf;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;

namespace StreamSettlement.Aggregator.Core;

/// <summary>The row of the source that a dead letter is of, as far as its bytes say.</summary>
/// <param name="Stream">By the kind of the record, whatever topic it stands in.</param>
/// <param name="CountsInSource">Whether the source's control totals hold it: a COMPLETED view, any ad view.</param>
internal sealed record LetterRow(
    SourceStream Stream, long Id, int SourceEpoch, BusinessDay? Day, ContentId Content, int WatchSeconds, bool CountsInSource)
{
    /// <returns>Null where the bytes are of no row that the source can have.</returns>
    public static LetterRow? Of(byte[]? value)
    {
        if (value is null) return null;
        SourceRecord record;
        try
        {
            record = SourceRecord.Parser.ParseFrom(value);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
        var row = record.RecordCase switch
        {
            SourceRecord.RecordOneofCase.ViewLog => new LetterRow(
                SourceStream.ViewLogs, record.ViewLog.Id, record.ViewLog.SourceEpoch, DayOf(record.ViewLog.LogDate), new ContentId(record.ViewLog.ContentId),
                record.ViewLog.WatchSeconds, record.ViewLog.Status == ViewStatus.Completed),
            SourceRecord.RecordOneofCase.AdView => new LetterRow(
                SourceStream.AdViews, record.AdView.Id, record.AdView.SourceEpoch, DayOf(record.AdView.LogDate), new ContentId(record.AdView.ContentId),
                0, CountsInSource: true),
            _ => null,
        };
        return row is { Id: >= 1, SourceEpoch: >= 0 } ? row : null;
    }

    /// <summary>
    /// Whether the partition has to answer for the row: it is where ingest puts it, and the source's totals of its day hold it. A copy in
    /// another partition or topic is nobody's: the row itself stands elsewhere.
    /// </summary>
    public bool IsOwedBy(LogPartition at, int partitions) =>
        CountsInSource && Day is not null && Stream == at.Stream && Partitioner.PartitionOf(Content, partitions) == at.Partition;

    private static BusinessDay? DayOf(int logDate) => BusinessDay.TryFromNumber(logDate, out var day) ? day : null;
}

internal enum LetterState
{
    Open,
    Redriven,
    Discarded,
}

/// <summary>A dead letter as it stands in <c>rollup.dead_letter</c>.</summary>
/// <param name="Partitions">Partitions of the stream.</param>
/// <param name="Decision">Who decided, when and why, for people; null while it is open.</param>
internal sealed record StoredLetter(long Id, LogPartition At, int Partitions, byte[]? Key, byte[]? Value, LetterState State, string? Decision);

/// <summary>What becomes of a command about a dead letter.</summary>
internal enum LetterStep
{
    Refuse,

    /// <summary>The row is published afresh by ingest; a letter that is redriven already may have lost that to a crash, so it is asked again.</summary>
    PublishRow,

    /// <summary>The original bytes are sent again.</summary>
    Resend,

    Discard,
}

/// <param name="Row">The row that is published, or that the partition answers for from now on.</param>
internal sealed record LetterDecision(LetterStep Step, LetterRow? Row = null, string? Refusal = null)
{
    public static LetterDecision Of(ControlCommand command, StoredLetter? letter)
    {
        if (command.Letter is not { } id) return Refused("it names no dead letter");
        if (letter is null) return Refused($"there is no dead letter {id}");
        // PostgreSQL stores none, and would say so only after the bytes of a redriven letter were sent.
        if (command.By.Contains('\0', StringComparison.Ordinal) || command.Reason?.Contains('\0', StringComparison.Ordinal) == true)
            return Refused("its name or reason holds the character U+0000");
        var row = LetterRow.Of(letter.Value);
        var decided = $"dead letter {id} was {letter.State.ToString().ToLowerInvariant()} {letter.Decision}";
        if (command.Kind == CommandKind.RedriveDeadLetter)
        {
            if (row is not null) return letter.State == LetterState.Discarded ? Refused(decided) : new LetterDecision(LetterStep.PublishRow, row);
            return letter.State == LetterState.Open ? new LetterDecision(LetterStep.Resend) : Refused(decided);
        }
        if (letter.State != LetterState.Open) return Refused(decided);
        if (string.IsNullOrWhiteSpace(command.By) || string.IsNullOrWhiteSpace(command.Reason)) return Refused("a dead letter is discarded with a name and a reason");
        return new LetterDecision(LetterStep.Discard, row?.IsOwedBy(letter.At, letter.Partitions) == true ? row : null);
    }

    private static LetterDecision Refused(string why) => new(LetterStep.Refuse, Refusal: why);
}
