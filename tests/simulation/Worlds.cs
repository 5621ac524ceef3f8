using System.Globalization;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests;

/// <summary>What became of a world.</summary>
/// <param name="Broken">The promise that was broken; null where all were kept.</param>
internal sealed record Fate(ulong Seed, string? Broken, long Steps);

/// <summary>Runs worlds, one thread each, as many at once as there are processors.</summary>
internal static class Worlds
{
    /// <summary>Names one world to be run with its trace, instead of all of them.</summary>
    public const string SeedVariable = "STREAMSETTLEMENT_SEED";

    /// <summary>How many worlds to run, where another number than usual is wanted.</summary>
    public const string CountVariable = "STREAMSETTLEMENT_SEEDS";

    /// <summary>The world to replay; null for all of them.</summary>
    public static ulong? Seed => Number(SeedVariable);

    /// <summary>How many worlds somebody wants; null for the usual number.</summary>
    public static ulong? Count => Number(CountVariable);

    public static Fate Run(ulong seed, Mechanism without = Mechanism.None)
    {
        using var world = new Simulation(seed, without, traced: false);
        return new Fate(seed, world.Run(), world.Scheduler.Steps);
    }

    public static (Fate Fate, IReadOnlyList<string> Trace) Replay(ulong seed, Mechanism without = Mechanism.None)
    {
        using var world = new Simulation(seed, without, traced: true);
        return (new Fate(seed, world.Run(), world.Scheduler.Steps), world.Scheduler.Trace);
    }

    /// <summary>Runs seeds from 1 on until there are enough of them, or one has failed.</summary>
    /// <returns>The lowest seed that failed, or null, and how many worlds were run.</returns>
    public static (Fate? Failed, ulong Worlds, long Steps) Search(ulong count, Mechanism without = Mechanism.None)
    {
        var gate = new Lock();
        var (next, worlds, steps) = (0UL, 0UL, 0L);
        Fate? failed = null;
        Exception? fault = null;
        var threads = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(() =>
        {
            try
            {
                while (true)
                {
                    ulong seed;
                    lock (gate)
                    {
                        if (next == count || failed is not null || fault is not null) return;
                        seed = ++next;
                    }
                    var fate = Run(seed, without);
                    lock (gate)
                    {
                        (worlds, steps) = (worlds + 1, steps + fate.Steps);
                        if (fate.Broken is not null && (failed is null || seed < failed.Seed)) failed = fate;
                    }
                }
            }
            catch (Exception unexpected)
            {
                lock (gate) fault = unexpected;
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        if (fault is not null) throw new InvalidOperationException("a world could not be run", fault);
        return (failed, worlds, steps);
    }

    /// <summary>What failed, how to see it again, and how it came about.</summary>
    public static string Report(Fate failed, Mechanism without = Mechanism.None)
    {
        var (again, trace) = Replay(failed.Seed, without);
        var exactly = again.Broken == failed.Broken && again.Steps == failed.Steps ? "" : $"\nTHE REPLAY DIFFERS: {again.Broken}";
        return $"seed {failed.Seed}: {failed.Broken}{exactly}\nreplay it: {SeedVariable}={failed.Seed} ./settlement test simulation\n{string.Join('\n', trace)}";
    }

    private static ulong? Number(string variable) =>
        ulong.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
