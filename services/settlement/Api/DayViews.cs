using System.Globalization;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;
using StreamSettlement.Settlement.Sink;
using StreamSettlement.Settlement.Source;

namespace StreamSettlement.Settlement.Api;

/// <param name="IdSum">Modulo 2^64, as text: it passes 2^53.</param>
internal sealed record TotalsView(long Rows, string IdSum, long WatchSeconds)
{
    public static TotalsView Of(Totals totals) => new(totals.Rows, totals.IdSum.ToString(CultureInfo.InvariantCulture), totals.WatchSeconds);
}

/// <param name="Source">The marker's totals: what MySQL holds. Null before the first seal.</param>
/// <param name="Rollups">What the partitions hold, summed at their seals.</param>
internal sealed record StreamView(string Stream, int? Partitions, int SealedPartitions, bool Balanced, TotalsView? Source, TotalsView Rollups)
{
    public static StreamView Of(StreamFacts facts) => new(
        facts.Stream.Name(), facts.Partitions, facts.SealedPartitions, facts.IsSealed && facts.IsBalanced,
        facts.Marker is { } marker ? TotalsView.Of(marker) : null, TotalsView.Of(facts.Own));
}

/// <param name="Cells">(content, creator) pairs with a payout.</param>
internal sealed record PayoutView(string Kind, long Cells, long Units, Micros AmountMicros);

/// <param name="Refusal">Why the day can't be posted (again) now; null for the moment between balanced and posted.</param>
/// <param name="Comparing">A close was asked for and books and target have not been compared since.</param>
/// <param name="Attempt">Newest attempt of the day's markers.</param>
/// <param name="Repairs">Repairs asked for since the day last balanced.</param>
/// <param name="OpenLetters">The first of the dead letters that block the day; <c>GET /dead-letters?date=</c> has all.</param>
/// <param name="Accepted">The accepted difference that the day is posted with; null when it balances or nobody has accepted it.</param>
internal sealed record DayView(
    BusinessDay Day, DayStatus Status, CloseRefusal? Refusal, string? Detail, bool Comparing, int? Attempt, int Repairs, DateTimeOffset? PostedAt,
    IReadOnlyList<StreamView> Streams, Acceptance? Accepted, long OpenDeadLetters, IReadOnlyList<LetterRow> OpenLetters, IReadOnlyList<PayoutView> Payouts, IReadOnlyList<RunRow> Runs,
    IReadOnlyList<JournalEntry> Journal)
{
    public static DayView Of(DayPage page, Wakeup wakeup)
    {
        var (facts, record) = (page.Facts, page.Facts.Record);
        var decision = Closing.Decide(facts);
        return new DayView(
            facts.Day, record.Status, decision.Refusal, decision.Detail ?? record.Detail, wakeup.IsAsked(facts.Day), facts.Attempt, record.Repairs, record.PostedAt,
            [.. facts.Streams.Select(StreamView.Of)], facts.Accepted, facts.OpenDeadLetters, page.OpenLetters,
            [.. page.Payouts.Select(payout => new PayoutView(payout.Kind.Name(), payout.Cells, payout.Units, payout.Amount))],
            page.Runs, page.Journal);
    }
}
