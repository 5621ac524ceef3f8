using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;
using StreamSettlement.SimulationTests.Checks;
using StreamSettlement.SimulationTests.Ports;

namespace StreamSettlement.SimulationTests.World;

/// <summary>Nothing goes wrong any more: days are ended, operators do what docs/operations.md tells them, and all must come right.</summary>
internal sealed class Aftermath(Simulation world, Invariants invariants)
{
    private const int Rounds = 20;

    private readonly Scheduler _scheduler = world.Scheduler;
    private readonly HashSet<DeadLetter> _decided = [];

    /// <returns>What did not come right, or null.</returns>
    public string? Settle()
    {
        if (!_scheduler.RunUntil(() => world.Source.Open.Count == 0, 2 * Span.Minute)) return _scheduler.Violation ?? "a transaction never ended";
        if (world.Temper.UnknownContents && world.Dice.Chance(0.5))
            world.Platform.WriteDownLateContents();
        foreach (var day in world.Platform.Days) Send(CommandKind.EndDay, day);
        return ComesRight(Unsettled) ?? Pay() ?? ReadAgain();
    }

    /// <summary>Whatever does not come right by itself is an operator's to help.</summary>
    private string? ComesRight(Func<string?> wrong)
    {
        for (var round = 1; !_scheduler.RunUntil(() => wrong() is null, 7 * Span.Second); round++)
        {
            if (_scheduler.Violation is not null || round == Rounds) return _scheduler.Violation ?? wrong();
            Help();
            if (world.Temper.Decisions) Decide(mayRedrive: round < Rounds / 3);
        }
        return null;
    }

    /// <summary>Ends a day without rows: its run pays whatever came late to the days before.</summary>
    private string? Pay()
    {
        var day = world.Platform.Today.AddDays(-20);
        Send(CommandKind.EndDay, day);
        if (!IsBlocked && !_scheduler.RunUntil(() => world.Books.DayStates.GetValueOrDefault(day)?.Status == DayStatus.Posted, Span.Minute))
            return _scheduler.Violation ?? $"{day}, a day without rows, was not posted";
        // Audits go on: at some moments a newer attempt has just been marked.
        return ComesRight(Wrong);
    }

    private string? ReadAgain()
    {
        if (!world.Temper.ReadAgainAtTheEnd) return _scheduler.Violation;
        _scheduler.Note("everything is read again");
        foreach (var at in LogTopics.All) world.Group.Committed[at] = 0;
        world.KillAggregators();
        _scheduler.RunUntil(_scheduler.Now + (12 * Span.Second));
        return RollupCheck.Difference(new Truth(world.Source), world.Rollups) ?? ComesRight(Wrong);
    }

    private string? Unsettled()
    {
        var truth = new Truth(world.Source);
        return RollupCheck.Difference(truth, world.Rollups)
            ?? DeadLetterCheck.Difference(truth, world.Topics, world.Rollups, _decided)
            ?? (world.Temper.Decisions && world.Rollups.DeadLetters.Exists(letter => letter.IsOpen) ? "dead letters wait for a decision" : null)
            ?? BooksCheck.Unposted(world.Platform.Days, world.Rollups, world.Books);
    }

    /// <summary>A dead letter of no known day blocks all of them until somebody decides: nothing late is paid any more.</summary>
    private bool IsBlocked => world.Rollups.DeadLetters.Exists(letter => letter.IsOpen && letter.Letter.Poison.Day is null);

    private string? Wrong() => _scheduler.Violation ?? Unsettled() ?? BooksCheck.Balance(world.Books)
        ?? (IsBlocked ? null : BooksCheck.Difference(new Truth(world.Source), world.Books));

    /// <summary>What an operator does: repair a day that is out of balance, blocked by dead letters, or that lost a row nobody could count.</summary>
    private void Help()
    {
        var blocked = world.Rollups.DeadLetters.Where(letter => letter.IsOpen).Select(letter => letter.Letter.Poison.Day).ToHashSet();
        foreach (var day in world.Platform.Days)
        {
            if (blocked.Contains(day) || blocked.Contains(null) || (world.Temper.AuditMicros == 0 && IsLostBehindTheTotals(day))
                || world.Books.DayStates.GetValueOrDefault(day)?.Status == DayStatus.OutOfBalance) Send(CommandKind.RepairDay, day);
        }
    }

    /// <summary>What can't become good is discarded; the rest, and now and then that too, is redriven.</summary>
    private void Decide(bool mayRedrive)
    {
        var good = new Truth(world.Source).Good;
        for (var i = 0; i < world.Rollups.DeadLetters.Count; i++)
        {
            var (letter, state, _) = world.Rollups.DeadLetters[i];
            if (state != LetterState.Open) continue;
            _decided.Add(letter);
            var isGood = letter.Poison.RowId is { } id && letter.Poison.Reason != PoisonReason.WrongPartition && good.Contains((letter.At.Stream, id));
            var kind = isGood || (mayRedrive && world.Dice.Chance(0.4)) ? CommandKind.RedriveDeadLetter : CommandKind.DiscardDeadLetter;
            world.Topics.AddCommand(new ControlCommand(kind, letter.Poison.Day ?? world.Platform.Today, "operator", "decided", Letter: i + 1));
        }
    }

    /// <summary>A row that committed unseen, after the totals of the day's last marker had been read: nothing but an audit finds it.</summary>
    private bool IsLostBehindTheTotals(BusinessDay day)
    {
        var newest = LogTopics.All.SelectMany(world.Topics.Records).Where(record => record.Marker?.LogDate == day.Number).MaxBy(record => record.Marker!.Attempt)?.Marker;
        if (newest is null || !world.Source.TotalsReadAt.TryGetValue((day, newest.Horizon), out var readAt)) return false;
        return SourceStreams.All.Any(stream => world.Source.Rows(stream).Any(row => SourceTables.IsCounted(stream, row, day)
            && !invariants.IsPublished(stream, row.Id) && (invariants.CommittedAt[(stream, row.Id)] >= readAt || row.UpdatedAt.Micros >= newest.Horizon)));
    }

    private void Send(CommandKind kind, BusinessDay day) => world.Topics.AddCommand(new ControlCommand(kind, day, "operator"));
}
