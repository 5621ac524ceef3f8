namespace StreamSettlement.DevStack.Generator;

/// <summary>
/// The random numbers of one row: a function of the seed, the kind of row and its id alone (SplitMix64), so that rows come out the same
/// whichever connection writes them and in whatever order.
/// </summary>
internal struct RowRandom(long seed, RowKind kind, long id)
{
    private const ulong Golden = 0x9e3779b97f4a7c15;

    private ulong state = Mix(unchecked((ulong)seed ^ Mix(unchecked(((ulong)kind << 56) + (ulong)id + Golden))));

    /// <summary>Evenly distributed in [0, bound).</summary>
    public int Next(int bound) => (int)(((UInt128)NextBits() * (ulong)bound) >> 64);

    /// <summary>Evenly distributed in [0, 1).</summary>
    public double NextUnit() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    private ulong NextBits()
    {
        state = unchecked(state + Golden);
        return Mix(state);
    }

    private static ulong Mix(ulong z)
    {
        unchecked
        {
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            return z ^ (z >> 31);
        }
    }
}

internal enum RowKind
{
    Content = 1,
    ViewLog = 2,
    AdView = 3,
    Popularity = 4,
}
