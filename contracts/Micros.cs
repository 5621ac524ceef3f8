using System.Globalization;

namespace StreamSettlement.Contracts;

/// <summary>
/// An amount in whole micro-units, 1/1,000,000 of the currency. Arithmetic is checked: an overflow throws, it never wraps.
/// There is no conversion from decimal or double, so no rounding can slip in.
/// </summary>
public readonly record struct Micros(long Value) : IComparable<Micros>
{
    public const long PerUnit = 1_000_000;

    public static readonly Micros Zero;

    /// <exception cref="OverflowException">More than about 9.2 × 10^12 currency units.</exception>
    public static Micros FromUnits(long units) => new(checked(units * PerUnit));

    /// <exception cref="OverflowException">The sum does not fit 64 bits.</exception>
    public static Micros FromInt128(Int128 value) => new(checked((long)value));

    public static Micros operator +(Micros left, Micros right) => new(checked(left.Value + right.Value));

    public static Micros operator -(Micros left, Micros right) => new(checked(left.Value - right.Value));

    public static Micros operator -(Micros value) => new(checked(-value.Value));

    public static bool operator <(Micros left, Micros right) => left.Value < right.Value;

    public static bool operator >(Micros left, Micros right) => left.Value > right.Value;

    public static bool operator <=(Micros left, Micros right) => left.Value <= right.Value;

    public static bool operator >=(Micros left, Micros right) => left.Value >= right.Value;

    public int CompareTo(Micros other) => Value.CompareTo(other.Value);

    /// <returns>Currency units with six decimals: <c>1234.500000</c>.</returns>
    public override string ToString()
    {
        var magnitude = Int128.Abs(Value);
        return string.Create(CultureInfo.InvariantCulture,
            $"{(Value < 0 ? "-" : "")}{magnitude / PerUnit}.{magnitude % PerUnit:000000}");
    }
}
