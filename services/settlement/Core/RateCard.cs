using StreamSettlement.Contracts;

namespace StreamSettlement.Settlement.Core;

/// <param name="FromUnits">Units already counted when this price begins; 0 for the first tier.</param>
/// <param name="Price">Per unit.</param>
internal readonly record struct Tier(long FromUnits, Micros Price);

/// <summary>Marginal tiers of one kind from one day on: a unit costs what the tier says that it falls into, never the whole lot.</summary>
internal sealed class RateCard
{
    private readonly Tier[] _tiers;

    // Price of all units below each tier, so that F needs one multiplication.
    private readonly Int128[] _below;

    /// <exception cref="ArgumentException">The tiers don't begin at 0 units, don't rise, or a price is negative.</exception>
    public RateCard(int id, PriceKind kind, string currency, BusinessDay effectiveFrom, IReadOnlyList<Tier> tiers)
    {
        if (tiers.Count == 0 || tiers[0].FromUnits != 0)
            throw new ArgumentException($"rate card {id}: the first tier must begin at 0 units", nameof(tiers));
        (Id, Kind, Currency, EffectiveFrom) = (id, kind, currency, effectiveFrom);
        _tiers = [.. tiers];
        _below = new Int128[_tiers.Length];
        for (var i = 0; i < _tiers.Length; i++)
        {
            if (_tiers[i].Price < Micros.Zero)
                throw new ArgumentException($"rate card {id}: the price from {_tiers[i].FromUnits} units on is negative", nameof(tiers));
            if (i == 0) continue;
            if (_tiers[i].FromUnits <= _tiers[i - 1].FromUnits)
                throw new ArgumentException($"rate card {id}: tier {i + 1} must begin above {_tiers[i - 1].FromUnits} units", nameof(tiers));
            _below[i] = _below[i - 1] + ((Int128)(_tiers[i].FromUnits - _tiers[i - 1].FromUnits) * _tiers[i - 1].Price.Value);
        }
    }

    public int Id { get; }

    public PriceKind Kind { get; }

    public string Currency { get; }

    public BusinessDay EffectiveFrom { get; }

    public IReadOnlyList<Tier> Tiers => _tiers;

    /// <summary>F of design §8: the price of a content's first <paramref name="units"/> units.</summary>
    /// <returns>Micro-units, 128 bits: only differences of it are paid.</returns>
    public Int128 Price(long units)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(units);
        var tier = _tiers.Length - 1;
        while (_tiers[tier].FromUnits > units) tier--;
        return _below[tier] + ((Int128)(units - _tiers[tier].FromUnits) * _tiers[tier].Price.Value);
    }

    /// <summary>F(after) − F(before).</summary>
    /// <exception cref="OverflowException">The amount does not fit 64 bits.</exception>
    public Micros Between(long before, long after) => Micros.FromInt128(Price(after) - Price(before));
}

/// <summary>All cards there are.</summary>
internal sealed class RateCards
{
    // Newest first, of equal dates the highest id first: the first that began is the one in force.
    private readonly RateCard[][] _cards;

    /// <exception cref="ArgumentException">Cards of more than one currency: their amounts could not be added.</exception>
    public RateCards(IReadOnlyList<RateCard> cards)
    {
        var currencies = cards.Select(card => card.Currency).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        if (currencies.Count > 1)
            throw new ArgumentException($"rate cards are in {string.Join(" and ", currencies)}: the books hold one currency", nameof(cards));
        Currency = currencies.SingleOrDefault("KRW");
        _cards = [.. PriceKinds.All.Select(kind => cards
            .Where(card => card.Kind == kind)
            .OrderByDescending(card => card.EffectiveFrom).ThenByDescending(card => card.Id)
            .ToArray())];
    }

    /// <summary>ISO 4217 code of every amount.</summary>
    public string Currency { get; }

    public IEnumerable<RateCard> All => _cards.SelectMany(cards => cards);

    /// <exception cref="InvalidOperationException">No card of the kind is in force on that day.</exception>
    public RateCard InForce(PriceKind kind, BusinessDay day)
    {
        foreach (var card in _cards[(int)kind])
        {
            if (card.EffectiveFrom <= day) return card;
        }
        throw new InvalidOperationException(
            $"no {kind.Name()} rate card is in force on {day}: add one to settlement.rate_card that is effective from then or earlier");
    }
}
