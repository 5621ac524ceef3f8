using StreamSettlement.Contracts;
using StreamSettlement.Hosting;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.Settlement;

/// <summary>Closes days: looks at the tables, decides, acts; once per interval or when woken.</summary>
internal sealed class SettlementLoop(
    ISettlementStore store, IControlLog control, Wakeup wakeup, SettlementTelemetry telemetry, TimeProvider time)
{
    /// <summary>Everything that can be done now.</summary>
    /// <returns>What must happen first elsewhere ("waiting for schema rollup …"), or null.</returns>
    public async Task<string?> StepAsync(CancellationToken cancel)
    {
        if (await store.WaitingForAsync(cancel) is { } waiting) return waiting;
        var asked = wakeup.Asked();
        var outlook = await store.LookAsync(cancel);
        telemetry.Days = outlook.Days;
        foreach (var day in outlook.Candidates.Union(asked.Keys).Order())
        {
            var isAsked = asked.TryGetValue(day, out var question);
            await CloseAsync(day, isAsked, cancel);
            if (isAsked) wakeup.Answered(day, question);
        }
        return null;
    }

    /// <summary>A run that leaves nothing, over a day that no business had.</summary>
    /// <returns>False when the tables to run over are not there yet.</returns>
    public async Task<bool> RehearseAsync(CancellationToken cancel)
    {
        if (await store.WaitingForAsync(cancel) is not null) return false;
        await using var session = await store.BeginAsync(cancel);
        await SettlementRun.RehearseAsync(session, new BusinessDay(DateOnly.MinValue), cancel);
        return true;
    }

    private async Task CloseAsync(BusinessDay day, bool asked, CancellationToken cancel)
    {
        var started = time.GetTimestamp();
        await using var session = await store.BeginAsync(cancel);
        var facts = await session.ReadDayAsync(day, cancel);
        var decision = Closing.Decide(facts, asked);
        switch (decision.Step)
        {
            case ClosingStep.Wait:
                await WaitAsync(session, facts, decision, cancel);
                break;
            case ClosingStep.AskRepair:
                await AskRepairAsync(session, facts, decision, cancel);
                break;
            case ClosingStep.Alert:
                await AlertAsync(session, facts, decision, cancel);
                break;
            case ClosingStep.Post:
                await PostAsync(session, facts, asked, started, cancel);
                break;
        }
    }

    private static async Task WaitAsync(ISettlementSession session, DayFacts facts, ClosingDecision decision, CancellationToken cancel)
    {
        // A repair that met a dead letter was not in vain: once that is decided, repairs begin anew.
        var record = decision.Refusal == CloseRefusal.DeadLetters ? facts.Record with { Repairs = 0, RepairAttempt = null } : facts.Record;
        // Of a posted day the record says which attempt is in the books, and keeps saying it.
        if (facts.Record.PostedAt is null) record = record with { Status = decision.Status, Detail = decision.Detail };
        if (record == facts.Record) return;
        List<DayJournalEvent> events =
            facts.Record.Status != DayStatus.Sealed && record.Status == DayStatus.Sealed ? [new DaySealed(facts.Attempt!.Value, decision.Detail)] : [];
        await session.SaveDayAsync(facts.Day, record, events, cancel);
        await session.CommitAsync(cancel);
    }

    private async Task AskRepairAsync(ISettlementSession session, DayFacts facts, ClosingDecision decision, CancellationToken cancel)
    {
        var (day, attempt, repair) = (facts.Day, facts.Attempt!.Value, facts.Record.Repairs + 1);
        // Sent before it is recorded: asking twice is harmless, never asking would leave the day waiting.
        var command = new ControlCommand(CommandKind.RepairDay, day, "settlement", decision.Detail);
        if (!await control.TrySendAsync(command, cancel)) return;
        var record = facts.Record with { Status = decision.Status, Repairs = repair, RepairAttempt = attempt, Detail = decision.Detail };
        await session.SaveDayAsync(day, record, [new RepairAsked(attempt, repair, decision.Detail!)], cancel);
        await session.CommitAsync(cancel);
        telemetry.RepairAsked(day, repair, Limits.RepairAttemptsMax, decision.Detail!);
        await control.TryPublishAsync(new ControlEvent(EventKind.DayOutOfBalance, day, "settlement", decision.Detail), cancel);
    }

    private async Task AlertAsync(ISettlementSession session, DayFacts facts, ClosingDecision decision, CancellationToken cancel)
    {
        var record = facts.Record with { Status = DayStatus.OutOfBalance, Attempt = facts.Attempt, Detail = decision.Detail };
        await session.SaveDayAsync(facts.Day, record, [new DayOutOfBalance(facts.Attempt!.Value, decision.Detail!)], cancel);
        await session.CommitAsync(cancel);
        telemetry.OutOfBalance(facts.Day, facts.Record.Repairs, decision.Detail!);
        await control.TryPublishAsync(new ControlEvent(EventKind.DayOutOfBalance, facts.Day, "settlement", decision.Detail), cancel);
    }

    private async Task PostAsync(ISettlementSession session, DayFacts facts, bool asked, long started, CancellationToken cancel)
    {
        var (day, attempt) = (facts.Day, facts.Attempt!.Value);
        if (facts.Record.Status == DayStatus.Open) await session.AppendAsync(day, new DaySealed(attempt, null), cancel);
        if (facts.Record.Status != DayStatus.Posted || facts.Record.Attempt != attempt)
            await session.AppendAsync(day, new DayBalanced(attempt), cancel);
        var result = await SettlementRun.PostAsync(session, facts, everything: asked, cancel);
        var record = new DayRecord(DayStatus.Posted, attempt, 0, null, facts.Record.PostedAt ?? time.GetUtcNow(), null);
        if (record != facts.Record) await session.SaveDayAsync(day, record, [], cancel);
        await session.CommitAsync(cancel);

        telemetry.Ran(day, result, time.GetElapsedTime(started));
        if (facts.Record.Attempt != attempt)
            await control.TryPublishAsync(new ControlEvent(EventKind.DayBalanced, day, "settlement", $"attempt {attempt}"), cancel);
        if (result is not null)
            await control.TryPublishAsync(new ControlEvent(EventKind.DayPosted, day, "settlement", $"run {result.RunId}"), cancel);
    }
}

/// <summary>The loop as a service: schema first, then step after step, outages retried.</summary>
internal sealed class SettlementService(
    SettlementLoop loop, ISettlementStore store, Wakeup wakeup, SettlementOptions options,
    Outages outages, Readiness readiness, SettlementTelemetry telemetry) : LoopService
{
    private const string Postgres = "postgres";
    private const string Rollup = "rollup";

    protected override async Task RunAsync(CancellationToken stop)
    {
        readiness.Expect(Postgres);
        readiness.Expect(Rollup);
        await outages.RetryAsync(Postgres, Transient.Postgres, async cancel => await store.MigrateAsync(cancel), stop);
        var rehearsed = false;
        while (true)
        {
            if (!rehearsed) rehearsed = await outages.RetryAsync(Postgres, Transient.Postgres, async cancel => await loop.RehearseAsync(cancel), stop);
            var waiting = await outages.RetryAsync(Postgres, Transient.Postgres, async cancel => await loop.StepAsync(cancel), stop);
            if (waiting is null) readiness.Up(Rollup);
            else readiness.Down(Rollup, waiting);
            await wakeup.WaitAsync(options.Interval, stop);
        }
    }

    protected override void Stopped(Exception fatal) => telemetry.Stopped(fatal);
}
