namespace StreamSettlement.SimulationTests.World;

/// <summary>
/// What kinds of trouble a seed has, and how much. Each world has some of them: where everything goes wrong all the time nothing
/// gets far enough to go wrong in an interesting way.
/// </summary>
internal sealed class Temper
{
    public Temper(Dice dice)
    {
        CrashPerCall = dice.Of<double>([0, 0, 0.003, 0.012]);
        FaultPerCall = dice.Of<double>([0, 0.004, 0.02]);
        SlowPerCall = dice.Of<double>([0.01, 0.05]);
        DuplicatePerBatch = dice.Of<double>([0, 0, 0.05, 0.5]);
        Outages = dice.Chance(0.3);
        Pauses = dice.Chance(0.35);
        LostLocks = dice.Chance(0.3);
        Kicks = dice.Chance(0.4);
        Rewinds = dice.Chance(0.3);
        Replays = dice.Chance(0.25);
        LongTransactions = dice.Chance(0.6);
        HiddenTransactions = dice.Chance(0.2);
        Touches = dice.Chance(0.3);
        UnknownContents = dice.Chance(0.2);
        BadValues = dice.Chance(0.2);
        Strays = dice.Chance(0.12);
        Monitor = dice.Chance(0.3);
        Decisions = dice.Chance(0.5);
        ReadAgainAtTheEnd = dice.Chance(0.1);
        Schedule = dice.Chance(0.4);
        AuditMicros = dice.Of<long>([0, 0, 7 * Span.Second, 20 * Span.Second]);
        Ingests = dice.Chance(0.6) ? 2 : 1;
        Aggregators = 1 + dice.Below(3);
        Settlements = dice.Chance(0.3) ? 2 : 1;
        LagMicros = dice.Of<long>([0, Span.Second, 5 * Span.Second]);
        ClockAheadMicros = dice.Of<long>([0, 0, 60 * Span.Minute, -60 * Span.Minute]);
        PageRows = dice.Of<int>([1, 3, 8, 50]);
        PollMicros = dice.Of<long>([Span.Second / 2, Span.Second, 2 * Span.Second, 3 * Span.Second]);
        CloseMicros = dice.Of<long>([Span.Second, 2 * Span.Second]);
        ClaimCacheMegabytes = dice.Of<int>([0, 48]);
        Transactions = 6 + dice.Below(18);
        ChaosMicros = dice.Between(10, 35) * Span.Second;
    }

    /// <summary>A call to a server kills its caller: before or after it took effect.</summary>
    public double CrashPerCall { get; }

    /// <summary>A call fails: before or after it took effect.</summary>
    public double FaultPerCall { get; }

    public double SlowPerCall { get; }

    /// <summary>A batch stands in the log twice: an acknowledgement was lost, and no sequence number stopped the second.</summary>
    public double DuplicatePerBatch { get; }

    /// <summary>A server goes away for seconds.</summary>
    public bool Outages { get; }

    /// <summary>A process stands still for seconds, and the world goes on without it.</summary>
    public bool Pauses { get; }

    /// <summary>MySQL drops the connection that holds the lock; the ingest that held it does not know yet.</summary>
    public bool LostLocks { get; }

    /// <summary>The group declares a member dead that lives.</summary>
    public bool Kicks { get; }

    /// <summary>An operator moves the group's offsets, backwards and forwards.</summary>
    public bool Rewinds { get; }

    /// <summary>Somebody copies records that stand in the log to its end.</summary>
    public bool Replays { get; }

    public bool LongTransactions { get; }

    /// <summary>Rows commit behind everyone's back: nothing that MySQL shows announces them.</summary>
    public bool HiddenTransactions { get; }

    /// <summary>COMPLETED rows are updated without their facts changing.</summary>
    public bool Touches { get; }

    public bool UnknownContents { get; }

    public bool BadValues { get; }

    /// <summary>Records produced by hand: garbage, and rows in a partition that is not theirs.</summary>
    public bool Strays { get; }

    /// <summary>Another reader keeps MySQL's list of transactions old.</summary>
    public bool Monitor { get; }

    /// <summary>When all is settled the group's offsets are set to the beginning: nothing may change.</summary>
    public bool ReadAgainAtTheEnd { get; }

    /// <summary>Operators redrive or discard every dead letter; elsewhere they leave it open, and its day unpaid.</summary>
    public bool Decisions { get; }

    public bool Schedule { get; }

    /// <summary>How often ended days are audited; 0: never.</summary>
    public long AuditMicros { get; }

    public int Ingests { get; }

    public int Aggregators { get; }

    public int Settlements { get; }

    public long LagMicros { get; }

    /// <summary>Of the aggregators' machines.</summary>
    public long ClockAheadMicros { get; }

    public int PageRows { get; }

    /// <summary>Between two looks of an idle ingest.</summary>
    public long PollMicros { get; }

    /// <summary>Between two looks of a settlement.</summary>
    public long CloseMicros { get; }

    public int ClaimCacheMegabytes { get; }

    public int Transactions { get; }

    public long ChaosMicros { get; }
}
