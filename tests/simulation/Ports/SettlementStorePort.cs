using System.Runtime.CompilerServices;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement;
using StreamSettlement.Settlement.Core;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests.Ports;

/// <summary>Rollups and books as a settlement sees them.</summary>
internal sealed class SettlementStorePort(
    SimulatedProcess process, Scheduler scheduler, Network network, SimulatedServer postgres, RollupTables rollups, Books books, RateCards cards)
    : ISettlementStore
{
    public Task MigrateAsync(CancellationToken cancel) => Task.CompletedTask;

    public Task<string?> WaitingForAsync(CancellationToken cancel) => Task.FromResult<string?>(null);

    public Task<Outlook> LookAsync(CancellationToken cancel) => network.CallAsync(process, postgres, "looks at the days", () =>
    {
        books.Register(rollups.Days);
        var candidates = rollups.Seals.Keys.Where(seal => seal.At.Partition == 0).GroupBy(seal => seal.Day, seal => seal.Attempt)
            .Where(day => !books.DayStates.TryGetValue(day.Key, out var record)
                || record.Status is DayStatus.Open or DayStatus.Sealed or DayStatus.Balanced || day.Max() > (record.Attempt ?? 0)
                || (record.Status == DayStatus.OutOfBalance && books.Accepted.TryGetValue(day.Key, out var accepted) && accepted.Attempt == record.Attempt))
            .Select(day => day.Key).Order().ToList();
        return new Outlook(candidates, new Dictionary<DayStatus, long>());
    });

    public async Task<ISettlementSession> BeginAsync(CancellationToken cancel)
    {
        var session = new SettlementSessionPort(process, network, postgres, rollups, books, cards);
        process.OnDeath(() => books.Leave(session));
        try
        {
            await network.CallAsync(process, postgres, "begins", () => { });
            var granted = new TaskCompletionSource();
            books.Enter(session,
                () => scheduler.After(network.Way(), () => process.Run(granted.SetResult)),
                () => process.Run(() => granted.SetException(postgres.Fault("the connection is gone"))));
            await granted.Task;
        }
        catch
        {
            books.Leave(session);
            throw;
        }
        return session;
    }
}

/// <summary>One transaction over one snapshot.</summary>
internal sealed class SettlementSessionPort(
    SimulatedProcess process, Network network, SimulatedServer postgres, RollupTables rollups, Books books, RateCards cards) : ISettlementSession
{
    private const int CellsPerBatch = 3;

    private readonly int _restarts = postgres.Restarts;
    private readonly List<BookedEntry> _entries = [];
    private readonly Dictionary<BusinessDay, DayRecord> _days = [];
    private readonly Dictionary<BusinessDay, string?> _marks = [];
    private readonly Dictionary<BusinessDay, Acceptance> _accepted = [];
    private RollupTables? _rollups;
    private List<BookedEntry>? _booked;
    private SortedDictionary<BusinessDay, DayRecord>? _states;
    private Dictionary<BusinessDay, string>? _settled;

    public Task<DayFacts> ReadDayAsync(BusinessDay day, CancellationToken cancel) => AskAsync("reads the day", () =>
    {
        var seals = _rollups!.Seals.Where(seal => seal.Key.Day == day).ToList();
        int? attempt = seals.Count == 0 ? null : seals.Max(seal => seal.Key.Attempt);
        var open = _rollups.DeadLetters.Count(letter => letter.IsOpen && (letter.Letter.Poison.Day is not { } of || of == day));
        var streams = SourceStreams.All.Select(stream => FactsOf(stream,
            [.. seals.Where(seal => seal.Key.At.Stream == stream && seal.Key.Attempt == attempt).Select(seal => seal.Value)])).ToList();
        return new DayFacts(day, attempt, streams, open, _states!.GetValueOrDefault(day, DayRecord.New), books.Accepted.GetValueOrDefault(day));
    });

    public Task<RunPlan> ReadPlanAsync(BusinessDay day, CancellationToken cancel) => AskAsync("reads the plan", () =>
    {
        var covered = _states!.Where(state => state.Value.PostedAt is not null).Select(state => state.Key).Append(day).ToHashSet();
        var last = covered.Max();
        var marks = _rollups!.Days.Where(known => known <= last).ToDictionary(known => known, known =>
            new DayInputs(known, RollupsOf(known)).Mark(cards, covered.Contains(known)));
        return new RunPlan(books.NextId(), day, covered, cards, marks, _settled!);
    });

    public async IAsyncEnumerable<ReadOnlyMemory<Cell>> ReadCellsAsync(
        PriceKind kind, BusinessDay from, BusinessDay upTo, [EnumeratorCancellation] CancellationToken cancel)
    {
        var cells = await AskAsync("opens the cursor", () => Cells(kind, from, upTo));
        for (var first = 0; first < cells.Length; first += CellsPerBatch)
        {
            if (first > 0) await AskAsync("fetches", () => true);
            yield return cells.AsMemory(first, Math.Min(CellsPerBatch, cells.Length - first));
        }
    }

    public Task<long> OpenEntryAsync(long runId, PriceKind kind, string currency, CancellationToken cancel) => AskAsync("opens an entry", () =>
    {
        _entries.Add(new BookedEntry(books.NextId(), kind));
        return _entries[^1].Id;
    });

    public Task WriteLinesAsync(long entryId, PriceKind kind, IReadOnlyList<PayoutLine> lines, CancellationToken cancel)
    {
        var written = lines.ToList();
        return AskAsync("writes lines", () =>
        {
            EntryOf(entryId).Lines.AddRange(written);
            return true;
        });
    }

    public Task PostEntryAsync(long entryId, PriceKind kind, RunTotals totals, CancellationToken cancel) => AskAsync("posts the entry", () =>
    {
        var entry = EntryOf(entryId);
        var expense = Int128.Zero;
        foreach (var creator in entry.Lines.GroupBy(line => line.Creator.Value))
        {
            var owed = creator.Aggregate(Int128.Zero, (sum, line) => sum + line.Amount.Value);
            entry.Postings[creator.Key] = Micros.FromInt128(owed);
            expense -= owed;
        }
        entry.Postings[BookedEntry.Expense] = Micros.FromInt128(expense);
        var stored = new RunTotals(entry.Lines.Count, entry.Lines.Sum(line => line.Units), -expense);
        return stored == totals ? true : throw new BooksDifferException($"entry {entryId}: computed {totals}, stored {stored}");
    });

    public Task SaveMarksAsync(RunPlan plan, CancellationToken cancel) => AskAsync("saves the marks", () =>
    {
        foreach (var day in Changes.Of(plan.Marks, plan.Settled)) _marks[day] = plan.Marks.GetValueOrDefault(day);
        return true;
    });

    public Task SaveRunAsync(
        RunPlan plan, int attempt, Acceptance? accepted, IReadOnlyDictionary<PriceKind, EntryManifest> entries, CancellationToken cancel) =>
        AskAsync("saves the run", () => true);

    public Task AcceptAsync(BusinessDay day, Acceptance acceptance, CancellationToken cancel) => AskAsync("accepts a difference", () =>
    {
        _accepted.TryAdd(day, acceptance);
        return true;
    });

    public Task SaveDayAsync(BusinessDay day, DayRecord record, IReadOnlyList<DayJournalEvent> events, CancellationToken cancel) => AskAsync("saves the day", () =>
    {
        _days[day] = record;
        return true;
    });

    public Task AppendAsync(BusinessDay day, DayJournalEvent happened, CancellationToken cancel) => AskAsync("appends to the journal", () => true);

    public Task CommitAsync(CancellationToken cancel) => AskAsync("commits the books", () =>
    {
        books.Commit(_entries, _days, _marks, _accepted);
        books.Leave(this);
        return true;
    });

    public ValueTask DisposeAsync()
    {
        books.Leave(this);
        return ValueTask.CompletedTask;
    }

    /// <summary>The first question takes the snapshot.</summary>
    private Task<T> AskAsync<T>(string what, Func<T> question) => network.CallAsync(process, postgres, what, () =>
    {
        if (postgres.Restarts != _restarts) throw postgres.Fault("the connection is gone");
        _rollups ??= rollups.Snapshot();
        _booked ??= [.. books.Entries];
        _states ??= new(books.DayStates);
        _settled ??= new(books.Settled);
        return question();
    });

    private BookedEntry EntryOf(long id) => _entries.Single(entry => entry.Id == id);

    private StreamFacts FactsOf(SourceStream stream, IReadOnlyList<SealRow> seals)
    {
        var own = new Totals(seals.Sum(seal => seal.Own.Rows), seals.Aggregate(0UL, (sum, seal) => unchecked(sum + seal.Own.IdSum)), seals.Sum(seal => seal.Own.WatchSeconds));
        int? partitions = _rollups!.PartitionCounts.TryGetValue(stream, out var known) ? known : null;
        Totals? marker = seals.Count == 0 ? null : new Totals(seals.Min(seal => seal.Marker.Rows), seals.Min(seal => seal.Marker.IdSum), seals.Min(seal => seal.Marker.WatchSeconds));
        return new StreamFacts(stream, partitions, seals.Count, marker, seals.Select(seal => seal.Marker).Distinct().Count() == 1, own);
    }

    private string RollupsOf(BusinessDay day)
    {
        var streams = _rollups!.PartitionDays.Where(total => total.Key.Day == day).GroupBy(total => total.Key.At.Stream, total => total.Value)
            .Select(stream => $", {stream.Key.Name()} {stream.Sum(total => total.Rows)} {stream.Aggregate((Int128)0, (sum, total) => sum + total.IdSum)} {stream.Sum(total => total.WatchSeconds)}");
        return "generation 1" + string.Concat(streams);
    }

    /// <summary>The statement of the real cursor: rollups and what was posted from a day on, earlier days in one cell.</summary>
    private Cell[] Cells(PriceKind kind, BusinessDay from, BusinessDay upTo)
    {
        var units = kind == PriceKind.View
            ? _rollups!.Contents.Select(entry => (entry.Key.Day, Content: entry.Key.Content.Value, Creator: entry.Key.Creator.Value, entry.Value.Units)).ToList()
            : _rollups!.Ads.Select(entry => (entry.Key.Day, Content: entry.Key.Content.Value, Creator: entry.Key.Creator.Value, entry.Value.Units)).ToList();
        var cells = new SortedDictionary<(long Content, BusinessDay Day, long Creator), (long Units, long PostedUnits, Micros PostedAmount)>();
        foreach (var row in units.Where(row => row.Day >= from && row.Day <= upTo))
        {
            var cell = cells.GetValueOrDefault((row.Content, row.Day, row.Creator));
            cells[(row.Content, row.Day, row.Creator)] = cell with { Units = cell.Units + row.Units };
        }
        var contents = cells.Keys.Select(key => key.Content).ToHashSet();
        foreach (var line in _booked!.Where(entry => entry.Kind == kind).SelectMany(entry => entry.Lines).Where(line => line.Day >= from))
        {
            var key = (line.Content.Value, line.Day, line.Creator.Value);
            var cell = cells.GetValueOrDefault(key);
            cells[key] = cell with { PostedUnits = cell.PostedUnits + line.Units, PostedAmount = cell.PostedAmount + line.Amount };
        }
        if (from.Date != DateOnly.MinValue)
        {
            foreach (var content in units.Where(row => row.Day < from && contents.Contains(row.Content)).GroupBy(row => row.Content))
                cells[(content.Key, from.AddDays(-1), 0)] = (content.Sum(row => row.Units), 0, Micros.Zero);
        }
        return [.. cells.Select(cell => new Cell(
            new ContentId(cell.Key.Content), cell.Key.Day, new CreatorId(cell.Key.Creator), cell.Value.Units, cell.Value.PostedUnits, cell.Value.PostedAmount))];
    }
}

/// <summary>The control topics as a settlement writes them.</summary>
internal sealed class ControlLogPort(SimulatedProcess process, Network network, SimulatedServer broker, LogTopics topics, Mechanism without) : IControlLog
{
    public async Task<bool> TrySendAsync(ControlCommand command, CancellationToken cancel)
    {
        try
        {
            await network.CallAsync(process, broker, "sends a command", () =>
            {
                if (without != Mechanism.Repair) topics.AddCommand(command);
            });
            return true;
        }
        catch (Confluent.Kafka.KafkaException)
        {
            return false;
        }
    }

    public Task<bool> TryPublishAsync(ControlEvent happened, CancellationToken cancel) => Task.FromResult(true);
}
