using System.Globalization;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.Settlement;

/// <param name="Totals">What was posted, by kind; a kind without lines has none.</param>
internal sealed record RunResult(long RunId, IReadOnlyDictionary<PriceKind, RunTotals> Totals);

/// <summary>Posts target − already posted, wherever it differs, in the session that it is given.</summary>
internal static class SettlementRun
{
    /// <param name="everything">Compare all days there are, not only those from the first change on.</param>
    /// <returns>Null when the day is in the books and nothing differs: no entry was written.</returns>
    public static async Task<RunResult?> PostAsync(ISettlementSession session, DayFacts facts, bool everything, CancellationToken cancel)
    {
        var plan = await session.ReadPlanAsync(facts.Day, cancel);
        var from = everything ? new BusinessDay(DateOnly.MinValue) : Changes.First(plan.Marks, plan.Settled);
        var entries = new Dictionary<PriceKind, EntryManifest>();
        var totals = new Dictionary<PriceKind, RunTotals>();
        var adjusted = new SortedDictionary<BusinessDay, RunTotals>();
        foreach (var kind in PriceKinds.All)
        {
            if (from is not { } first) continue;
            var rule = new TargetRule(kind, plan.Cards, plan.Covered.Where(day => day >= first).ToHashSet());
            var entryId = await PostKindAsync(session, plan, rule, kind, first, cancel);
            if (entryId is null) continue;
            totals[kind] = rule.Totals;
            entries[kind] = new EntryManifest(entryId.Value, rule.Totals.Lines, rule.Totals.Units, Text(rule.Totals.Amount), rule.CardsUsed);
            foreach (var (day, sum) in rule.TotalsByDay) adjusted[day] = adjusted.GetValueOrDefault(day).Add(sum);
        }
        await session.SaveMarksAsync(plan, cancel);
        if (entries.Count == 0 && facts.Record.PostedAt is not null) return null;

        await session.SaveRunAsync(plan, facts.Attempt!.Value, facts.Accepted, entries, cancel);
        var own = adjusted.GetValueOrDefault(facts.Day);
        await session.AppendAsync(facts.Day, new DayPosted(facts.Attempt.Value, plan.RunId, own.Lines, Text(own.Amount)), cancel);
        foreach (var (day, sum) in adjusted.Where(other => other.Key != facts.Day))
            await session.AppendAsync(day, new DayAdjusted(plan.RunId, facts.Day, sum.Lines, Text(sum.Amount)), cancel);
        return new RunResult(plan.RunId, totals);
    }

    /// <summary>
    /// Everything that a run does, once, on one made-up line; the caller does not commit. A right that is missing shows now and not at the
    /// first close, which finds its code compiled and takes a fifth of the time.
    /// </summary>
    public static async Task RehearseAsync(ISettlementSession session, BusinessDay day, CancellationToken cancel)
    {
        await session.ReadDayAsync(day, cancel);
        var plan = await session.ReadPlanAsync(day, cancel);
        var entries = new Dictionary<PriceKind, EntryManifest>();
        foreach (var kind in PriceKinds.All)
        {
            await foreach (var cells in session.ReadCellsAsync(kind, day, day, cancel)) _ = cells;
            var rule = new TargetRule(kind, plan.Cards, plan.Covered);
            var line = rule.Next(new Cell(new ContentId(0), day, CreatorId.Unknown, 1, 0, Micros.Zero))!.Value;
            var entryId = await session.OpenEntryAsync(plan.RunId, kind, plan.Cards.Currency, cancel);
            await session.WriteLinesAsync(entryId, kind, [line], cancel);
            await session.PostEntryAsync(entryId, kind, rule.Totals, cancel);
            entries[kind] = new EntryManifest(entryId, 1, 1, Text(rule.Totals.Amount), rule.CardsUsed);
        }
        await session.SaveMarksAsync(plan, cancel);
        await session.SaveRunAsync(plan, 1, null, entries, cancel);
        await session.SaveDayAsync(day, DayRecord.New, [new DayPosted(1, plan.RunId, 1, "0")], cancel);
    }

    /// <returns>The entry, or null when no line differs.</returns>
    private static async Task<long?> PostKindAsync(
        ISettlementSession session, RunPlan plan, TargetRule rule, PriceKind kind, BusinessDay from, CancellationToken cancel)
    {
        long? entryId = null;
        var lines = new List<PayoutLine>();
        await foreach (var cells in session.ReadCellsAsync(kind, from, plan.Covered.Max(), cancel))
        {
            lines.Clear();
            for (var i = 0; i < cells.Length; i++)
            {
                if (rule.Next(cells.Span[i]) is { } line) lines.Add(line);
            }
            if (lines.Count == 0) continue;
            entryId ??= await session.OpenEntryAsync(plan.RunId, kind, plan.Cards.Currency, cancel);
            await session.WriteLinesAsync(entryId.Value, kind, lines, cancel);
        }
        if (entryId is { } entry) await session.PostEntryAsync(entry, kind, rule.Totals, cancel);
        return entryId;
    }

    private static string Text(Int128 micros) => micros.ToString(CultureInfo.InvariantCulture);
}
