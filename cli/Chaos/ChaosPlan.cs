namespace StreamSettlement.Cli.Chaos;

/// <summary>What is done to the system, beside what its users do anyway.</summary>
internal enum FaultKind
{
    /// <summary>kill -9 of a process and its children, then a new start at the same address and data.</summary>
    Kill,

    /// <summary>SIGSTOP, and SIGCONT later: the process knows nothing of the time between.</summary>
    Suspend,

    /// <summary>An orderly stop, and a new start.</summary>
    Restart,

    /// <summary>All aggregators stopped, their group's offsets set back, all started again.</summary>
    Rewind,

    /// <summary>Records of the data topics produced once more.</summary>
    Resend,

    /// <summary>A transaction that commits, or rolls back, long after others behind its ids.</summary>
    LateTransaction,

    /// <summary>Rows whose content does not exist.</summary>
    PoisonRows,

    /// <summary>A record that nobody can decode.</summary>
    PoisonBytes,

    /// <summary>A day is ended while its rows still come.</summary>
    EndDay,
}

/// <summary>One step of the schedule.</summary>
/// <param name="At">Since the beginning.</param>
/// <param name="Target">The process; empty where the step concerns the topics or the source.</param>
/// <param name="For">How long the process is away or halted, the transaction open. Zero where nothing lasts.</param>
/// <param name="Size">Rows, records, or the day's number; see <see cref="ChaosPlan"/>.</param>
internal sealed record ChaosStep(TimeSpan At, FaultKind Kind, string Target, TimeSpan For, int Size)
{
    public TimeSpan End => At + For;
}

/// <summary>
/// The schedule of a run, a pure function of seed and duration. Servers and services are dealt from a deck that holds every kind of
/// fault for every target, shuffled again when it is empty: nothing is left out for long, nothing can be foreseen. A process is left
/// alone for a while after each of its faults; different ones may be hit at once.
/// </summary>
internal static class ChaosPlan
{
    /// <summary>Days that rows belong to: the first two are ended in the midst, the third takes the poison rows, the last is ended last.</summary>
    public const int Days = 4;

    public const int PoisonDay = 2;

    /// <summary>The first fault: an aggregator is killed while all else is well, so that the takeover can be timed.</summary>
    public static readonly TimeSpan FirstAt = TimeSpan.FromSeconds(5);

    /// <summary>Shortest run in which every kind of step has its place.</summary>
    public static readonly TimeSpan Least = TimeSpan.FromMinutes(1);

    /// <summary>From the last step's end to the end of the run, at least.</summary>
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(8);

    private static readonly Dictionary<string, string[]> Instances = new()
    {
        ["ingest"] = ["ingest", "ingest-2"],
        ["aggregator"] = ["aggregator", "aggregator-2", "aggregator-3"],
    };

    /// <summary>The processes of one target: "aggregator" stands for three.</summary>
    public static IReadOnlyList<string> InstancesOf(string target) => Instances.GetValueOrDefault(target) ?? [target];

    /// <param name="session">Session timeout of the aggregators: they are halted for longer.</param>
    /// <param name="servers">Names of the servers that may be stopped: those that the run has started itself.</param>
    /// <param name="kafka">Which of them is Kafka's, if any; halted for longer than the session timeout.</param>
    /// <returns>In order of time; every step ends before the duration does.</returns>
    public static IReadOnlyList<ChaosStep> Of(int seed, TimeSpan duration, TimeSpan session, IReadOnlyList<string> servers, string? kafka)
    {
        var random = new Random(seed);
        // The others notice, and have counted on, before the killed one is back.
        var first = new ChaosStep(FirstAt, FaultKind.Kill, Pick(random, InstancesOf("aggregator")), session + TimeSpan.FromSeconds(4), 0);
        var (begin, end) = (first.End + TimeSpan.FromSeconds(1), duration - Calm);
        var rewinds = Every(random, begin + TimeSpan.FromSeconds(12), end, 35, 55, FaultKind.Rewind, () => (Seconds(random, 0, 2), random.Next(1, 101))).ToList();
        return
        [
            .. new[] { first }
                .Concat(rewinds)
                .Concat(Faults(random, begin, end, session, ["ingest", "aggregator", "settlement", .. servers], kafka, rewinds))
                .Concat(Every(random, begin, end, 6, 14, FaultKind.Resend, () => (TimeSpan.Zero, random.Next(20, 400))))
                .Concat(Every(random, begin, end, 3, 8, FaultKind.LateTransaction, () => (Seconds(random, 1, 8), random.Next(5, 80))))
                .Concat(Every(random, begin, end, 15, 30, FaultKind.PoisonRows, () => (TimeSpan.Zero, random.Next(1, 6))))
                // Late: until somebody decides about them no day is posted.
                .Concat(Every(random, duration * 0.8, end, 4, 9, FaultKind.PoisonBytes, () => (TimeSpan.Zero, random.Next(1, 200))))
                .Concat([Ended(0, duration * 0.3), Ended(1, duration * 0.55)])
                .OrderBy(step => step.At).ThenBy(step => step.Kind),
        ];

        static ChaosStep Ended(int day, TimeSpan at) => new(at, FaultKind.EndDay, "", TimeSpan.Zero, day);
    }

    private static List<ChaosStep> Faults(
        Random random, TimeSpan begin, TimeSpan end, TimeSpan session, string[] targets, string? kafka, List<ChaosStep> rewinds)
    {
        var steps = new List<ChaosStep>();
        var deck = new List<(FaultKind Kind, string Target)>();
        var free = new Dictionary<string, TimeSpan>();
        for (var at = begin; ; at += Seconds(random, 2, 5))
        {
            if (deck.Count == 0) deck.AddRange(Shuffled(random, targets));
            // The first card whose target is free; the others wait.
            var index = deck.FindIndex(card => FreeOf(card.Target, at) is not null);
            if (index < 0) continue;
            var (kind, target) = deck[index];
            var step = new ChaosStep(at, kind, FreeOf(target, at)!, Duration(random, kind, target, kafka, session), 0);
            if (step.End > end) return steps;
            deck.RemoveAt(index);
            free[step.Target] = step.End + Recovery;
            steps.Add(step);
        }

        string? FreeOf(string target, TimeSpan at)
        {
            if (target == "aggregator" && rewinds.Exists(rewind => at > rewind.At - Recovery && at < rewind.End + Recovery)) return null;
            return InstancesOf(target).Where(instance => free.GetValueOrDefault(instance) <= at).OrderBy(instance => free.GetValueOrDefault(instance)).FirstOrDefault();
        }
    }

    /// <summary>Every kind for every target, in turns: any three cards hold three kinds, and any six of a kind six targets.</summary>
    private static IEnumerable<(FaultKind Kind, string Target)> Shuffled(Random random, string[] all)
    {
        FaultKind[] kinds = [FaultKind.Kill, FaultKind.Suspend, FaultKind.Restart];
        random.Shuffle(kinds);
        var targets = kinds.Select(_ => all.ToArray()).ToArray();
        foreach (var ofKind in targets) random.Shuffle(ofKind);
        for (var round = 0; round < all.Length; round++)
            for (var kind = 0; kind < kinds.Length; kind++) yield return (kinds[kind], targets[kind][round]);
    }

    private static TimeSpan Duration(Random random, FaultKind kind, string target, string? kafka, TimeSpan session) => kind switch
    {
        FaultKind.Suspend when target == "aggregator" => session + Seconds(random, 2, 4),
        FaultKind.Suspend when target == kafka => session + Seconds(random, 0, 2),
        FaultKind.Suspend => Seconds(random, 3, 9),
        _ => Seconds(random, 0, 3),
    };

    private static IEnumerable<ChaosStep> Every(
        Random random, TimeSpan begin, TimeSpan end, double least, double most, FaultKind kind, Func<(TimeSpan For, int Size)> draw)
    {
        for (var at = begin + Seconds(random, 0, most - least); ; at += Seconds(random, least, most))
        {
            var (lasts, size) = draw();
            if (at + lasts > end) yield break;
            yield return new ChaosStep(at, kind, "", lasts, size);
        }
    }

    private static string Pick(Random random, IReadOnlyList<string> several) => several[random.Next(several.Count)];

    /// <summary>Whole milliseconds: the schedule is printed, and compared.</summary>
    private static TimeSpan Seconds(Random random, double least, double most) =>
        TimeSpan.FromMilliseconds(Math.Round((least + (random.NextDouble() * (most - least))) * 1_000));
}
