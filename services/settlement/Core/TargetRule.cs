using StreamSettlement.Contracts;

namespace StreamSettlement.Settlement.Core;

/// <summary>One (content, day, creator) of one kind: what the rollups hold now and what was posted for it so far.</summary>
/// <param name="Units">Units in the active rollups; 0 when the rollups no longer hold the cell.</param>
internal readonly record struct Cell(
    ContentId Content, BusinessDay Day, CreatorId Creator, long Units, long PostedUnits, Micros PostedAmount);

/// <summary>A difference to post: target − already posted. Both parts may be negative.</summary>
internal readonly record struct PayoutLine(ContentId Content, BusinessDay Day, CreatorId Creator, long Units, Micros Amount);

/// <summary>
/// The one rule of design §8, as a stream: target = F(C) − F(C′), where C′ is the content's units on all earlier days and of creators
/// with lower ids on that day, C adds the cell's own, and F is the card in force on that day. Cells come ordered by content, day,
/// creator, of one kind; nothing is kept but the running sum of one content. Units of days that are not covered count for C′, as
/// the rollups hold them, but are not paid: a later run adjusts what follows from their changes.
/// </summary>
/// <param name="covered">Days that this run pays: those posted before, and the one that is being closed.</param>
internal sealed class TargetRule(PriceKind kind, RateCards cards, IReadOnlySet<BusinessDay> covered)
{
    private Cell _last;
    private bool _any;
    private long _cumulated;
    private BusinessDay? _cardDay;
    private RateCard? _card;

    /// <summary>Cards that priced at least one cell of a covered day.</summary>
    public SortedSet<int> CardsUsed { get; } = [];

    public RunTotals Totals { get; private set; }

    /// <summary>The same per day, for the days' journals.</summary>
    public SortedDictionary<BusinessDay, RunTotals> TotalsByDay { get; } = [];

    /// <returns>The line to post, or null where target and posted agree.</returns>
    /// <exception cref="InvalidOperationException">Cells out of order, negative units, or posted amounts on a day that no run covered.</exception>
    /// <exception cref="OverflowException">Units or amount don't fit 64 bits.</exception>
    public PayoutLine? Next(in Cell cell)
    {
        RequireOrder(cell);
        if (cell.Units < 0) throw new InvalidOperationException($"rollups hold {cell.Units} {kind.Name()} units for {Where(cell)}");
        var before = _any && _last.Content == cell.Content ? _cumulated : 0;
        _cumulated = checked(before + cell.Units);
        (_last, _any) = (cell, true);

        if (CardOf(cell.Day) is not { } card)
        {
            if (cell.PostedUnits != 0 || cell.PostedAmount != Micros.Zero)
                throw new InvalidOperationException($"{cell.PostedAmount} was posted for {Where(cell)}, but no run has posted that day");
            return null;
        }
        var target = card.Between(before, _cumulated);
        if (cell.Units == cell.PostedUnits && target == cell.PostedAmount) return null;

        var line = new PayoutLine(cell.Content, cell.Day, cell.Creator, checked(cell.Units - cell.PostedUnits), target - cell.PostedAmount);
        Totals = Totals.Add(line);
        TotalsByDay[cell.Day] = TotalsByDay.GetValueOrDefault(cell.Day).Add(line);
        return line;
    }

    /// <returns>Null when the day is not covered: its units need no price.</returns>
    private RateCard? CardOf(BusinessDay day)
    {
        if (day == _cardDay) return _card;
        (_cardDay, _card) = (day, covered.Contains(day) ? cards.InForce(kind, day) : null);
        if (_card is not null) CardsUsed.Add(_card.Id);
        return _card;
    }

    private void RequireOrder(in Cell cell)
    {
        if (!_any) return;
        var order = _last.Content.CompareTo(cell.Content);
        if (order == 0) order = _last.Day.CompareTo(cell.Day);
        if (order == 0) order = _last.Creator.CompareTo(cell.Creator);
        if (order >= 0) throw new InvalidOperationException($"cells out of order: {Where(cell)} came after {Where(_last)}");
    }

    private static string Where(in Cell cell) => $"content {cell.Content}, {cell.Day}, creator {cell.Creator}";
}

/// <summary>What the lines of one entry add up to.</summary>
/// <param name="Amount">Micro-units, summed in 128 bits.</param>
internal readonly record struct RunTotals(long Lines, long Units, Int128 Amount)
{
    public RunTotals Add(in PayoutLine line) => new(Lines + 1, checked(Units + line.Units), Amount + line.Amount.Value);

    public RunTotals Add(in RunTotals other) => new(Lines + other.Lines, checked(Units + other.Units), Amount + other.Amount);
}
