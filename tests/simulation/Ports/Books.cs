using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests.Ports;

/// <summary>Schema <c>settlement</c>: append-only books, the days, and the lock that keeps two settlements apart.</summary>
internal sealed class Books(Scheduler scheduler, Mechanism without)
{
    private readonly Queue<(object Session, Action Granted, Action Lost)> _waiting = new();
    private object? _holder;
    private long _sequence;

    public List<BookedEntry> Entries { get; } = [];

    public SortedDictionary<BusinessDay, DayRecord> DayStates { get; } = [];

    public Dictionary<BusinessDay, string> Settled { get; } = [];

    /// <summary>The newest acceptance of each day.</summary>
    public Dictionary<BusinessDay, Acceptance> Accepted { get; } = [];

    /// <summary>Rises, with gaps: a transaction that rolls back keeps its number.</summary>
    public long NextId() => ++_sequence;

    /// <summary>lock table … in share row exclusive mode</summary>
    public void Enter(object session, Action granted, Action lost)
    {
        if (without == Mechanism.OneSettlement)
        {
            granted();
        }
        else if (_holder is null)
        {
            _holder = session;
            granted();
        }
        else
        {
            _waiting.Enqueue((session, granted, lost));
        }
    }

    /// <summary>Its transaction is over, one way or the other.</summary>
    public void Leave(object session)
    {
        if (_holder != session) return;
        _holder = null;
        if (!_waiting.TryDequeue(out var next)) return;
        _holder = next.Session;
        next.Granted();
    }

    /// <summary>The server was restarted: every transaction is gone.</summary>
    public void Restart()
    {
        _holder = null;
        while (_waiting.TryDequeue(out var waiting)) waiting.Lost();
    }

    /// <summary>All of it or nothing; an entry that does not balance is refused, as by the table's own constraint.</summary>
    public void Commit(
        IReadOnlyList<BookedEntry> entries, IReadOnlyDictionary<BusinessDay, DayRecord> days, IReadOnlyDictionary<BusinessDay, string?> marks,
        IReadOnlyDictionary<BusinessDay, Acceptance> accepted)
    {
        foreach (var entry in entries)
        {
            if (entry.Postings.Count < 2 || entry.Postings.Values.Aggregate(Int128.Zero, (sum, amount) => sum + amount.Value) != 0)
                throw new InvalidOperationException($"entry {entry.Id} does not balance");
        }
        Entries.AddRange(entries);
        foreach (var (day, acceptance) in accepted) Accepted[day] = acceptance;
        foreach (var (day, record) in days)
        {
            DayStates[day] = record;
            if (scheduler.IsTraced) scheduler.Note($"books: {day} is {record.Status} at attempt {record.Attempt}, {record.Repairs} repairs; {record.Detail}");
        }
        foreach (var (day, mark) in marks)
        {
            if (mark is null) Settled.Remove(day);
            else Settled[day] = mark;
        }
    }

    public void Register(IEnumerable<BusinessDay> days)
    {
        foreach (var day in days) DayStates.TryAdd(day, DayRecord.New);
    }
}

/// <summary>An entry with its lines and postings.</summary>
internal sealed class BookedEntry(long id, PriceKind kind)
{
    /// <summary>The account that all creators of a kind are paid from.</summary>
    public const long Expense = 0;

    public long Id => id;

    public PriceKind Kind => kind;

    public List<PayoutLine> Lines { get; } = [];

    /// <summary>Amounts by creator, and the expense.</summary>
    public Dictionary<long, Micros> Postings { get; } = [];
}
