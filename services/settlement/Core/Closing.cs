using StreamSettlement.Contracts;

namespace StreamSettlement.Settlement.Core;

/// <summary>Why a day can't be posted now. The first that applies is given: the declared order is the order of precedence.</summary>
internal enum CloseRefusal
{
    /// <summary>No marker of the day has arrived: its end was not asked for, or ingest is not there yet.</summary>
    NotIngested,

    /// <summary>Some partition of some stream has not reached the newest marker.</summary>
    NotSealed,

    /// <summary>A dead letter of the day, or of no known day, waits for a decision.</summary>
    DeadLetters,

    /// <summary>The rollups don't equal the source, and nobody has accepted the difference.</summary>
    OutOfBalance,

    /// <summary>Posted at this attempt already.</summary>
    AlreadyPosted,
}

/// <summary>What is to be done about a day.</summary>
internal enum ClosingStep
{
    /// <summary>Nothing but waiting.</summary>
    Wait,

    /// <summary>Ask ingest to publish the day again.</summary>
    AskRepair,

    /// <summary>Repairs are used up: call an operator.</summary>
    Alert,

    /// <summary>Post what target and books differ by.</summary>
    Post,
}

/// <param name="Detail">For people: which number differs, what is missing. Null when there is nothing to say.</param>
internal sealed record ClosingDecision(ClosingStep Step, DayStatus Status, CloseRefusal? Refusal, string? Detail);

/// <summary>Open → Sealed → Balanced → Posted, as a pure function of what the tables hold: a lost or doubled message changes nothing.</summary>
internal static class Closing
{
    /// <returns>The first refusal in the order of <see cref="CloseRefusal"/>, or null when the day can be posted.</returns>
    public static CloseRefusal? Refusal(DayFacts facts)
    {
        if (facts.Attempt is null) return CloseRefusal.NotIngested;
        if (!facts.Streams.All(stream => stream.IsSealed)) return CloseRefusal.NotSealed;
        if (facts.OpenDeadLetters > 0) return CloseRefusal.DeadLetters;
        if (!facts.IsBalanced && facts.Accepted is null) return CloseRefusal.OutOfBalance;
        if (facts.Record is { Status: DayStatus.Posted } record && record.Attempt == facts.Attempt) return CloseRefusal.AlreadyPosted;
        return null;
    }

    /// <param name="asked">An operator asked for it: compare books and target even when this attempt is posted.</param>
    public static ClosingDecision Decide(DayFacts facts, bool asked = false)
    {
        var refusal = Refusal(facts);
        var detail = refusal is null ? null : Detail(facts, refusal.Value);
        // A posted day stays in the books whatever a later attempt says, until its repairs are used up.
        DayStatus Unless(DayStatus status) => facts.Record.PostedAt is null ? status : facts.Record.Status;
        return refusal switch
        {
            null => new(ClosingStep.Post, DayStatus.Balanced, null, null),
            CloseRefusal.AlreadyPosted => new(asked ? ClosingStep.Post : ClosingStep.Wait, DayStatus.Posted, refusal, detail),
            CloseRefusal.OutOfBalance => WhenOutOfBalance(facts, detail, Unless(DayStatus.Sealed)),
            CloseRefusal.DeadLetters => new(ClosingStep.Wait, Unless(DayStatus.Sealed), refusal, detail),
            _ => new(ClosingStep.Wait, Unless(DayStatus.Open), refusal, detail),
        };
    }

    /// <returns>Why the day's difference can't be accepted now; null when it can.</returns>
    public static string? AcceptRefusal(DayFacts facts) => Refusal(facts) switch
    {
        CloseRefusal.OutOfBalance when facts.Record.Status != DayStatus.OutOfBalance || facts.Record.Attempt != facts.Attempt =>
            $"settlement is still having {facts.Day} repaired: a difference can be accepted when repairs did not help",
        CloseRefusal.OutOfBalance when facts.Streams.Any(stream => !stream.MarkersAgree) =>
            $"partitions of {facts.Day} were given different totals of the source, so there is no difference to accept: repair the day",
        CloseRefusal.OutOfBalance => null,
        null => $"{facts.Day} is balanced: there is nothing to accept",
        { } other => $"{facts.Day} is not out of balance: {Detail(facts, other)}",
    };

    private static ClosingDecision WhenOutOfBalance(DayFacts facts, string? detail, DayStatus waiting)
    {
        var record = facts.Record;
        if (record.Status == DayStatus.OutOfBalance && record.Attempt == facts.Attempt)
            return new(ClosingStep.Wait, DayStatus.OutOfBalance, CloseRefusal.OutOfBalance, detail);
        if (record.RepairAttempt == facts.Attempt) return new(ClosingStep.Wait, waiting, CloseRefusal.OutOfBalance, detail);
        return record.Repairs < Limits.RepairAttemptsMax
            ? new(ClosingStep.AskRepair, waiting, CloseRefusal.OutOfBalance, detail)
            : new(ClosingStep.Alert, DayStatus.OutOfBalance, CloseRefusal.OutOfBalance, detail);
    }

    private static string Detail(DayFacts facts, CloseRefusal refusal) => refusal switch
    {
        CloseRefusal.NotIngested => "no marker of the day has arrived; end the day, or see whether ingest runs",
        CloseRefusal.NotSealed => string.Join("; ", facts.Streams.Where(stream => !stream.IsSealed).Select(stream =>
            stream.Partitions is { } all
                ? $"{stream.Stream.Name()}: {stream.SealedPartitions} of {all} partitions sealed at attempt {facts.Attempt}"
                : $"{stream.Stream.Name()}: the aggregator has not recorded its partitions yet")),
        CloseRefusal.DeadLetters => $"{facts.OpenDeadLetters} dead letters of the day, or of no known day, wait for a decision",
        CloseRefusal.OutOfBalance => string.Join("; ", facts.Streams.Where(stream => !stream.IsBalanced).Select(stream =>
            stream.MarkersAgree
                ? $"{stream.Stream.Name()} at attempt {facts.Attempt}: source {stream.Marker}; rollups {stream.Own}"
                : $"{stream.Stream.Name()} at attempt {facts.Attempt}: partitions were given different totals of the source")),
        _ => $"posted at attempt {facts.Attempt}",
    };
}
