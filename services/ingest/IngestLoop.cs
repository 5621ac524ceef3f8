using StreamSettlement.Contracts;
using StreamSettlement.Hosting;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Sink;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.Ingest;

/// <summary>
/// Waits until this ingest is the active one, then goes round: take commands, look at the source, read both streams up to the
/// horizon, end, repair and audit days. Whatever it needs to know stands in the cursor topic, so every fault ends in the same place: the
/// beginning, with the stored cursors.
/// </summary>
internal sealed class IngestLoop(
    ISource source, ILog log, CommandQueue commands, ICommandFeed feed, IngestOptions options, Readiness readiness,
    Outages outages, IngestMeters meters, IngestTelemetry telemetry, TimeProvider time)
{
    /// <summary>A standby asks for the lock, and a refused source is looked at again, this often.</summary>
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(1);

    /// <summary>Longest time between two looks while there is a backlog: each verifies the lock.</summary>
    private static readonly TimeSpan RoundMax = TimeSpan.FromSeconds(1);

    /// <summary>Between two looks for a fresh list of transactions: MySQL's copy is up to 100 ms old.</summary>
    private static readonly TimeSpan FreshLookAfter = TimeSpan.FromMilliseconds(120);

    /// <summary>Between two looks while a day's work takes its minutes: each verifies the lock.</summary>
    private static readonly TimeSpan VerifyEvery = TimeSpan.FromSeconds(3);

    /// <summary>Kafka's client gives up after 30 s. Whoever has been active for longer is being acknowledged.</summary>
    private static readonly TimeSpan OtherIsHeardAfter = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan RefusalEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan WatchEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan HeldBackAlarm = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan FutureAlarm = TimeSpan.FromSeconds(2);

    private long? _watchedAt;
    private (string Reason, long SaidAt)? _refusal;

    private readonly BusinessCalendar _calendar = new(options.Zone, options.EndOfDayGrace);

    public async Task RunAsync(CancellationToken cancel)
    {
        readiness.Expect("mysql");
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                await using var session = await AcquireAsync(cancel);
                try
                {
                    await RunActiveAsync(session, cancel);
                }
                finally
                {
                    meters.Active = false;
                    // Before the lock is released: whoever is active next reads on from the cursor, what is unsent here would follow it.
                    log.Close();
                    commands.GiveBack();
                }
            }
            catch (SourceUnavailableException lost)
            {
                readiness.Down("mysql", lost.Message);
                telemetry.SourceLost(lost.Message);
                await Task.Delay(AskAgainAfter, time, cancel);
            }
            catch (LogUnavailableException lost)
            {
                // Not kafka, which is up as soon as a broker answers: one whose disk is full does.
                readiness.Down("log", lost.Message);
                telemetry.LogLost(lost.Message);
                await Task.Delay(AskAgainAfter, time, cancel);
            }
            catch (SourceRefusedException refused)
            {
                Refuse(refused.Message);
                await Task.Delay(AskAgainAfter, time, cancel);
            }
        }
    }

    /// <summary>Looked at again every second, in case somebody mends it; said once a minute.</summary>
    private void Refuse(string reason)
    {
        readiness.Down("source", reason);
        if (_refusal is { } before && before.Reason == reason && time.GetElapsedTime(before.SaidAt) < RefusalEvery) return;
        _refusal = (reason, time.GetTimestamp());
        telemetry.SourceRefused(reason);
    }

    /// <summary>Both streams have been read: what they were refused for is mended.</summary>
    private void Accept()
    {
        if (_refusal is null) return;
        readiness.Up("source");
        _refusal = null;
    }

    private async Task<ISourceSession> AcquireAsync(CancellationToken cancel)
    {
        long? standbySince = null;
        while (true)
        {
            var session = await outages.RetryAsync("mysql", fault => fault is SourceUnavailableException,
                async token => await source.TryAcquireAsync(token), cancel);
            if (session is not null)
            {
                readiness.Up("mysql");
                return session;
            }
            if (standbySince is null) telemetry.StandingBy();
            standbySince ??= time.GetTimestamp();
            readiness.Say("standby");
            if (time.GetElapsedTime(standbySince.Value) >= OtherIsHeardAfter) readiness.Up("log");
            await Task.Delay(AskAgainAfter, time, cancel);
        }
    }

    private async Task RunActiveAsync(ISourceSession session, CancellationToken cancel)
    {
        readiness.Expect("kafka");
        var stored = await outages.RetryAsync("kafka", fault => fault is LogUnavailableException,
            async token => await log.OpenAsync(token), cancel);
        var (pumps, ender, rows, days, since) = await ResumeAsync(session, stored, cancel);
        meters.Active = true;
        readiness.Say("active");
        await ender.FinishMarkingAsync(cancel);
        await using var reading = await feed.StartAsync(cancel);
        SourceLook? proved = null;
        var proofs = new ProofWatch();
        while (true)
        {
            var look = await TakeCommandsAsync(session, ender, rows, cancel);
            if (options.EndOfDaySchedule) await ender.AcceptDueDaysAsync(since, look.Now, cancel);

            // What a fresh list showed stays true; an old one may miss a transaction that began since.
            if (look.IsFresh || look.Open is null) proved = look;
            var (unproved, isAlarm) = proofs.Seen(look);
            meters.Unproved(unproved);
            if (isAlarm) telemetry.Unproved(unproved);
            if (proved is null)
            {
                await RestAsync(FreshLookAfter, cancel);
                continue;
            }
            var plan = RoundPlan.Of(proved, options.SafetyLag, days, pumps.Select(pump => pump.Position));
            meters.Looked(look, plan);
            await WatchAsync(session, look, plan, cancel);
            if (plan.Ends is { } settled) ender.BeginTotals(settled, cancel);
            var (round, reached) = (time.GetTimestamp(), pumps.Select(pump => pump.Position).ToList());
            var drained = await Task.WhenAll(pumps.Select(pump =>
                pump.RunAsync(plan.Below, () => !commands.IsEmpty || time.GetElapsedTime(round) >= RoundMax, cancel)));
            Accept();
            // Acknowledged is what moved a cursor. Where none moved, nothing must be waiting to be written either.
            var isIdle = plan.Audits is null && days.PendingCutoff is null && !days.Repairing.Any();
            if (isIdle || !reached.SequenceEqual(pumps.Select(pump => pump.Position))) readiness.Up("log");
            if (drained.Contains(false)) continue;
            meters.Drained(plan.Below);
            if (plan.Ends is { } cutoff) await WhileHeldAsync(session, held => ender.EndAsync(cutoff, held), cancel);
            else if (plan.Repairs) await WhileHeldAsync(session, held => ender.RepairAsync(plan.Below, held), cancel);
            else if (plan.Audits is { } day) await WhileHeldAsync(session, held => ender.AuditAsync(day, plan.Below, held), cancel);
            else await RestAsync(days.PendingCutoff is null ? options.PollInterval : FreshLookAfter, cancel);
        }
    }

    private async Task<Active> ResumeAsync(ISourceSession session, CursorRecords stored, CancellationToken cancel)
    {
        var look = await LookAsync(session, fresh: false, cancel);
        var server = await session.LookAtServerAsync(cancel);
        var cursors = new Dictionary<SourceStream, StreamCursor?>();
        foreach (var stream in SourceStreams.All)
        {
            var cursor = stored.CursorOf(stream);
            if (SourceGuard.Refusal(stream, cursor, server, options.SourceEpoch) is { } refusal) throw new SourceRefusedException(refusal);
            cursors[stream] = cursor;
        }

        var since = cursors.Values.FirstOrDefault(cursor => cursor is not null)?.Since ?? _calendar.DayOf(look.Now);
        var pumps = new List<StreamPump>();
        foreach (var (stream, cursor) in cursors)
        {
            var resumed = cursor is not null && cursor.Epoch == options.SourceEpoch ? cursor : StreamCursor.First(server, options.SourceEpoch, since);
            // Written before the first row: `since` is the day of the very first start, also when no row ever comes.
            if (resumed != cursor) await log.SaveAsync(stream.Name(), resumed, cancel);
            pumps.Add(new StreamPump(stream, session, log, resumed, options, meters, time));
            if (_refusal is null) telemetry.Resumed(stream, resumed.Position, resumed.Epoch);
        }
        var days = new DayBook(new AuditSchedule(options.AuditEvery, options.AuditDays));
        foreach (var record in stored.Days) days.Set(record);
        var ender = new DayEnder(days, _calendar, session, log, new Backfill(session, log, options, meters), meters, telemetry);
        return new Active(pumps, ender, new RowPublisher(pumps, session, log, options, meters, telemetry), days, since);
    }

    private async Task<SourceLook> LookAsync(ISourceSession session, bool fresh, CancellationToken cancel)
    {
        var look = await session.LookAsync(fresh, cancel);
        if (look.Open is null && !options.TrustSafetyLag)
        {
            throw new SourceRefusedException(
                "the MySQL account lacks the PROCESS privilege, without which open transactions can't be seen: "
                + "GRANT PROCESS ON *.* TO the account, or set Ingest:TrustSafetyLag=true to rely on the safety lag alone");
        }
        return look;
    }

    /// <summary>Looks at the source after the commands were taken from the queue: a day's cutoff is no earlier than its command.</summary>
    private async Task<SourceLook> TakeCommandsAsync(ISourceSession session, DayEnder ender, RowPublisher rows, CancellationToken cancel)
    {
        var asked = new List<CommandQueue.Submitted>();
        while (commands.TryTake(out var submitted)) asked.Add(submitted);
        try
        {
            var look = await LookAsync(session, fresh: true, cancel);
            foreach (var submitted in asked)
            {
                if (submitted.Command.Kind == CommandKind.PublishRow) await rows.AcceptAsync(submitted.Command, cancel);
                else await ender.AcceptAsync(submitted.Command, look.Now, cancel);
                submitted.Taken.TrySetResult();
            }
            return look;
        }
        finally
        {
            foreach (var submitted in asked) submitted.GiveBack();
        }
    }

    /// <summary>What an operator should know but nothing here can mend: a horizon held back for long, rows from the future.</summary>
    private async Task WatchAsync(ISourceSession session, SourceLook look, RoundPlan plan, CancellationToken cancel)
    {
        if (_watchedAt is { } last && time.GetElapsedTime(last) < WatchEvery) return;
        _watchedAt = time.GetTimestamp();
        if (plan.HeldBackBy is { } holder && look.Now - holder.Since >= HeldBackAlarm) telemetry.HeldBack(look.Now - holder.Since, holder.Name);
        foreach (var (stream, newest) in await session.NewestAsync(cancel))
        {
            var ahead = newest is { } updatedAt ? updatedAt - look.Now : TimeSpan.Zero;
            meters.Ahead(stream, ahead);
            // The newest is read after the look: rows written in between are no alarm.
            if (ahead > FutureAlarm) telemetry.RowInTheFuture(stream.Name(), ahead);
        }
    }

    /// <summary>Work for which nobody looks at the source for minutes: without the lock, or without an answer of the server, it is ended.</summary>
    private async Task WhileHeldAsync(ISourceSession session, Func<CancellationToken, Task> work, CancellationToken cancel)
    {
        using var held = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var working = work(held.Token);
        try
        {
            while (!working.IsCompleted)
            {
                using var pause = CancellationTokenSource.CreateLinkedTokenSource(held.Token);
                await Task.WhenAny(working, Task.Delay(VerifyEvery, time, pause.Token));
                pause.Cancel();
                if (!working.IsCompleted) await session.LookAsync(fresh: false, cancel);
            }
        }
        catch
        {
            held.Cancel();
            // What it was about to publish belongs to whoever is active next; how it ends is of no interest.
            await Task.WhenAny(working);
            throw;
        }
        await working;
    }

    /// <summary>Waits for the pause or the next command, whichever comes first.</summary>
    private async Task RestAsync(TimeSpan pause, CancellationToken cancel)
    {
        using var rest = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var (command, pausing) = (commands.WaitAsync(rest.Token), Task.Delay(pause, time, rest.Token));
        await await Task.WhenAny(command, pausing);
        // Nobody waits for the other any more: its cancellation runs nothing that would have to go to another thread.
        rest.Cancel();
    }

    private sealed record Active(IReadOnlyList<StreamPump> Pumps, DayEnder Ender, RowPublisher Rows, DayBook Days, BusinessDay Since);
}

/// <summary>Subscribes to the commands. Only the active ingest does: a standby would take commands that it can't carry out.</summary>
internal interface ICommandFeed
{
    /// <returns>Disposed when this ingest is no longer the active one.</returns>
    Task<IAsyncDisposable> StartAsync(CancellationToken cancel);
}
