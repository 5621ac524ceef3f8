using FsCheck;
using FsCheck.Fluent;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.UnitTests.Settlement;

/// <summary>The rule against itself: whatever order things arrive in, the books end the same.</summary>
public class TargetRuleProperties
{
    private static readonly BusinessDay First = BusinessDay.Of(2026, 11, 16);
    private static readonly RateCards OneCard = new([RateCardTests.View(), RateCardTests.Ad()]);

    // A cheaper card in the middle: F changes, the cumulated units don't.
    private static readonly RateCards TwoCards = new(
    [
        RateCardTests.View(), RateCardTests.Ad(),
        new RateCard(3, PriceKind.View, "KRW", First.AddDays(2), [new(0, new(700_000)), new(150_000, new(900_000))]),
    ]);

    private static readonly Gen<Arrival> Arrivals =
        from content in Gen.Choose(1, 3)
        from day in Gen.Choose(0, 4)
        from creator in Gen.Choose(1, 3)
        from units in Gen.Choose(0, 400_000)
        select new Arrival(content, First.AddDays(day), creator, units);

    [Fact]
    public void The_order_in_which_days_are_closed_does_not_matter() =>
        Prop.ForAll(Arrivals.ArrayOf().ToArbitrary(), Gen.Shuffle(Days()).ToArbitrary(), (arrivals, order) =>
        {
            var (inOrder, shuffled) = (new Ledger(TwoCards), new Ledger(TwoCards));
            foreach (var ledger in new[] { inOrder, shuffled }) ledger.Arrive(arrivals);
            foreach (var day in Days()) inOrder.Close(day);
            foreach (var day in order) shuffled.Close(day);
            return inOrder.SameAs(shuffled);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Rows_that_arrive_after_their_day_was_posted_end_as_if_they_had_come_in_time() =>
        Prop.ForAll(Arrivals.ArrayOf().ToArbitrary(), Arrivals.ArrayOf().ToArbitrary(), (early, late) =>
        {
            var (adjusted, inTime) = (new Ledger(TwoCards), new Ledger(TwoCards));
            adjusted.Arrive(early);
            foreach (var day in Days()) adjusted.Close(day);
            adjusted.Arrive(late);
            adjusted.Close(First);
            inTime.Arrive(early);
            inTime.Arrive(late);
            foreach (var day in Days()) inTime.Close(day);
            return adjusted.SameAs(inTime);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_amounts_of_a_content_sum_to_the_price_of_all_its_units() =>
        Prop.ForAll(Arrivals.ArrayOf().ToArbitrary(), arrivals =>
        {
            var ledger = new Ledger(OneCard);
            ledger.Arrive(arrivals);
            foreach (var day in Days()) ledger.Close(day);
            return arrivals.GroupBy(arrival => arrival.Content).All(content =>
                ledger.Paid(content.Key) == RateCardTests.View().Price(content.Sum(arrival => (long)arrival.Units)));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Running_again_posts_nothing() =>
        Prop.ForAll(Arrivals.ArrayOf().ToArbitrary(), arrivals =>
        {
            var ledger = new Ledger(TwoCards);
            ledger.Arrive(arrivals);
            foreach (var day in Days()) ledger.Close(day);
            return ledger.Close(First) == 0;
        }).QuickCheckThrowOnFailure();

    private static BusinessDay[] Days() => [.. Enumerable.Range(0, 5).Select(day => First.AddDays(day))];

    internal sealed record Arrival(long Content, BusinessDay Day, long Creator, int Units);

    /// <summary>Rollups and payout lines as dictionaries.</summary>
    private sealed class Ledger(RateCards cards)
    {
        private readonly SortedDictionary<(long Content, BusinessDay Day, long Creator), long> _rollups = [];
        private readonly Dictionary<(long Content, BusinessDay Day, long Creator), (long Units, Micros Amount)> _posted = [];
        private readonly HashSet<BusinessDay> _covered = [];

        public void Arrive(IEnumerable<Arrival> arrivals)
        {
            foreach (var (content, day, creator, units) in arrivals)
                _rollups[(content, day, creator)] = _rollups.GetValueOrDefault((content, day, creator)) + units;
        }

        /// <returns>Lines posted.</returns>
        public long Close(BusinessDay closing)
        {
            _covered.Add(closing);
            var rule = new TargetRule(PriceKind.View, cards, _covered);
            foreach (var (key, units) in _rollups)
            {
                var posted = _posted.GetValueOrDefault(key);
                if (rule.Next(new Cell(new(key.Content), key.Day, new(key.Creator), units, posted.Units, posted.Amount)) is { } line)
                    _posted[key] = (posted.Units + line.Units, posted.Amount + line.Amount);
            }
            return rule.Totals.Lines;
        }

        public Int128 Paid(long content) =>
            _posted.Where(line => line.Key.Content == content).Aggregate(Int128.Zero, (sum, line) => sum + line.Value.Amount.Value);

        public bool SameAs(Ledger other) => _posted.Count == other._posted.Count && _posted.All(line => other._posted[line.Key] == line.Value);
    }
}
