namespace StreamSettlement.SimulationTests.World;

/// <summary>
/// The only source of chance in a simulated world: SplitMix64 (https://prng.di.unimi.it/splitmix64.c), so that a seed means the
/// same run on every version of the runtime.
/// </summary>
internal sealed class Dice(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        unchecked
        {
            _state += 0x9e3779b97f4a7c15;
            var mixed = (_state ^ (_state >> 30)) * 0xbf58476d1ce4e5b9;
            mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
            return mixed ^ (mixed >> 31);
        }
    }

    /// <returns>From 0 to <paramref name="bound"/> − 1.</returns>
    public int Below(int bound) => (int)(Next() % (uint)bound);

    /// <returns>From <paramref name="least"/> to <paramref name="most"/>, both included.</returns>
    public long Between(long least, long most) => least + (long)(Next() % (ulong)(most - least + 1));

    public bool Chance(double probability) => (Next() >> 11) * (1.0 / (1UL << 53)) < probability;

    public T Of<T>(IReadOnlyList<T> choices) => choices[Below(choices.Count)];
}
