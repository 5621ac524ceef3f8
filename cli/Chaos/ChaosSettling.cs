using StreamSettlement.Cli.Api;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.DevStack.Truth;

namespace StreamSettlement.Cli.Chaos;

/// <summary>After the last fault: everything runs, every day is ended, the dead letters are compared and then decided, every day is posted.</summary>
internal sealed class ChaosSettling(
    LocalStack stack, ChaosSource source, ChaosTopics topics, PatientApi api, IReadOnlyList<BusinessDay> days, ChaosDisplay display, TimeProvider time)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(3);

    /// <summary>Longest wait without any row, seal, dead letter or status moving.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly SourceTruth truth = new(stack.Source, stack.Rollup);

    private BusinessDay LastDay => days[^1];

    /// <summary>Starts whatever does not run, and waits until all are ready.</summary>
    public async Task RecoverAsync(CancellationToken token)
    {
        foreach (var part in stack.Parts())
        {
            part.Process.Continue();
            if (part.Process.Exited.IsCompleted) await part.StartAgainAsync();
            // Servers first, in this order: services that wait for one are not ready.
            if (part is not ServiceProcess) await part.WaitUntilReadyAsync(token);
        }
        await ServiceProcess.WaitUntilReadyAsync([.. stack.Parts().OfType<ServiceProcess>()], token);
    }

    /// <summary>Ends every day but the last, and compares the dead letters when nothing but they keeps a day from being posted.</summary>
    public async Task<IReadOnlyList<Comparison>> DeadLettersAsync(CancellationToken token)
    {
        foreach (var day in days.SkipLast(1)) await api.EndDayAsync(day, token);
        await UntilAsync(days.SkipLast(1), state => state.IsPosted || state.Refusal == "DeadLetters", token);
        var undecodable = await stack.Rollup.QueryAsync(
            "select stream || ' ' || partition || ' ' || kafka_offset from rollup.dead_letter where state = 'open' and reason = 'undecodable'", row => row.GetString(0), token);
        return [await truth.CompareDeadLettersAsync(token), Comparison.Of("dead letters of bytes that are no record, by offset", topics.Undecodable, undecodable)];
    }

    /// <summary>
    /// The missing contents are created, letters of rows delivered again and the others discarded; the last day is ended behind all rows; every
    /// day is posted.
    /// </summary>
    /// <returns>False when some day was not.</returns>
    public async Task<bool> PostAsync(CancellationToken token)
    {
        await source.CreateUnknownContentsAsync(token);
        await DecideAsync(token);
        await UntilAsync(days.SkipLast(1), state => state.IsPosted, token);
        // Its markers stand behind every row of every day: what came late for the others is counted when it is sealed, and paid with it.
        await api.EndDayAsync(LastDay, token);
        return await UntilAsync(days, state => state.IsPosted, token);
    }

    /// <summary>Rollups, payouts and balances against the source; entries that do not balance; dead letters that nobody has decided about.</summary>
    public async Task<IReadOnlyList<Comparison>> BooksAsync(CancellationToken token) =>
    [
        .. await truth.CompareAsync(days, token),
        await NoneAsync("entries of the ledger sum to zero", "select 'entry ' || entry_id || ' sums to ' || sum(amount_micros) from settlement.posting group by entry_id having sum(amount_micros) <> 0", token),
        await NoneAsync("no dead letter is left", "select stream || ' ' || coalesce(row_id::text, '') || ' ' || reason from rollup.dead_letter where state = 'open'", token),
    ];

    /// <summary>Asks until no letter is open: what could not be sent, or was killed with its aggregator, is asked for again.</summary>
    private async Task DecideAsync(CancellationToken token)
    {
        using var decider = new SettlementApi(stack.Settlement!.Address, StackEndpoints.OfRunning(stack.State)!.Token(time.GetUtcNow()));
        for (var start = time.GetTimestamp(); time.GetElapsedTime(start) < Patience; await Task.Delay(AskAgainAfter, time, token))
        {
            try
            {
                var letters = await decider.LettersAsync(null, "open", token);
                if (letters.Count == 0) return;
                display.Status($"{letters.Count} dead letters are open");
                foreach (var letter in letters)
                {
                    if (letter.RowId is null) await decider.DiscardAsync(letter.Id, "chaos: bytes that are no record", token);
                    else if (await decider.TryRedriveAsync(letter.Id, token) is { } decided) display.Say(decided);
                }
            }
            catch (DevStackException refused)
            {
                display.Say(refused.Message); // decided meanwhile, or the service is away
            }
        }
    }

    private async Task<Comparison> NoneAsync(string what, string sql, CancellationToken token) =>
        Comparison.Of(what, [], await stack.Rollup.QueryAsync(sql, row => row.GetString(0), token));

    /// <summary>Waits until all of the days are in such a state, or nothing has moved for too long.</summary>
    private async Task<bool> UntilAsync(IEnumerable<BusinessDay> waitedFor, Func<DayState, bool> reached, CancellationToken token)
    {
        string? before = null;
        for (var moved = time.GetTimestamp(); ; await Task.Delay(Poll, time, token))
        {
            var states = new List<(BusinessDay Day, DayState State)>();
            foreach (var day in waitedFor) states.Add((day, await api.DayAsync(day, token)));
            if (states.TrueForAll(day => reached(day.State))) return true;
            // Out of balance after every repair: that is the verdict, no waiting changes it.
            if (states.TrueForAll(day => reached(day.State) || day.State.IsOutOfBalance)) return false;
            var shown = string.Join(", ", states.Where(day => !reached(day.State)).Select(day => $"{day.Day} {day.State.Refusal ?? day.State.Status}"));
            display.Status($"waiting for {shown}");
            var now = shown + await stack.Rollup.ScalarAsync("select (select sum(next_offset) from rollup.progress) || ' ' || (select count(*) from rollup.seal)", token);
            if (now != before) (moved, before) = (time.GetTimestamp(), now);
            else if (time.GetElapsedTime(moved) > Patience)
            {
                display.Say($"nothing has moved for {Patience.TotalSeconds:0} s: {string.Join("; ", states.Select(day => $"{day.Day} {day.State.Status}, {day.State.Refusal}: {day.State.Detail}"))}");
                return false;
            }
        }
    }
}
