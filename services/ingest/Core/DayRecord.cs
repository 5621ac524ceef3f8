using System.Text.Json.Serialization;
using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest.Core;

internal enum DayState
{
    /// <summary>The cutoff is fixed; the streams are being read up to it.</summary>
    Ending,

    /// <summary>A repair was asked for: the day's rows are published again.</summary>
    Repairing,

    /// <summary>Attempt, horizon and totals are fixed; the markers may or may not have been written.</summary>
    Marking,

    /// <summary>Every partition of both streams has the marker of the attempt.</summary>
    Marked,
}

/// <summary>
/// A business day's record in <c>ingest-cursors.v1</c>, key <c>day/&lt;date&gt;</c>. It is written before each step, so that after a
/// crash the step is done again with the same cutoff, attempt and totals.
/// </summary>
/// <param name="Cutoff">Microseconds since 1970-01-01T00:00:00Z; fixed once.</param>
/// <param name="Attempt">Newest attempt that was begun to be marked; 0 before the first.</param>
/// <param name="Horizon">Microseconds since 1970-01-01T00:00:00Z: the totals cover rows updated before it.</param>
/// <param name="Totals">By stream name; of <paramref name="Attempt"/>.</param>
/// <param name="By">Who ended the day: a name, or <c>schedule</c>.</param>
/// <param name="Asked">Microseconds since 1970-01-01T00:00:00Z: MySQL's clock when the newest repair was asked for; 0 before the first.</param>
internal sealed record DayRecord(
    BusinessDay Day,
    long Cutoff,
    DayState State,
    int Attempt,
    long Horizon,
    IReadOnlyDictionary<string, ControlTotals> Totals,
    string By,
    long Asked = 0)
{
    /// <summary>What <see cref="Topics.DayCursorKey"/> begins with.</summary>
    public const string KeyPrefix = "day/";

    public static DayRecord Ending(BusinessDay day, SourceTime cutoff, string by) =>
        new(day, cutoff.Micros, DayState.Ending, 0, 0, new Dictionary<string, ControlTotals>(), by);

    [JsonIgnore]
    public SourceTime CutoffTime => new(Cutoff);

    /// <summary>
    /// A repair's horizon is not below it: rows that were touched before somebody missed them must be in the totals, or the repair is spent
    /// for nothing.
    /// </summary>
    [JsonIgnore]
    public SourceTime RepairFrom => SourceTime.Max(CutoffTime, new SourceTime(Asked));

    /// <summary>Fixes what the next markers say.</summary>
    public DayRecord Mark(SourceTime horizon, IReadOnlyDictionary<SourceStream, ControlTotals> totals) => this with
    {
        State = DayState.Marking,
        Attempt = Attempt + 1,
        Horizon = horizon.Micros,
        Totals = totals.ToDictionary(entry => entry.Key.Name(), entry => entry.Value, StringComparer.Ordinal),
    };

    public ControlTotals TotalsOf(SourceStream stream) => Totals[stream.Name()];
}

/// <summary>What becomes of a command.</summary>
/// <param name="Save">The day's new record, or null where nothing changes.</param>
/// <param name="Refusal">Why it is refused, for the operator; null where it is not.</param>
/// <param name="IsDoneAlready">Nothing to do, but whoever asked may have missed the event.</param>
internal sealed record DayDecision(DayRecord? Save = null, string? Refusal = null, bool IsDoneAlready = false);

/// <summary>The days that were ended or are being ended.</summary>
internal sealed class DayBook(AuditSchedule audits)
{
    private readonly SortedDictionary<BusinessDay, DayRecord> _days = [];

    public void Set(DayRecord record) => _days[record.Day] = record;

    public DayRecord? Find(BusinessDay day) => _days.GetValueOrDefault(day);

    /// <summary>Days whose markers were being written when a crash came: first of all these are finished.</summary>
    public IEnumerable<DayRecord> Marking => In(DayState.Marking);

    public IEnumerable<DayRecord> Repairing => In(DayState.Repairing);

    /// <summary>The lowest cutoff that no page may cross; null where no day is being ended.</summary>
    public SourceTime? PendingCutoff =>
        In(DayState.Ending).Select(record => (SourceTime?)record.CutoffTime).Min();

    /// <summary>Days that end at <paramref name="cutoff"/>, oldest first.</summary>
    public IReadOnlyList<DayRecord> EndingAt(SourceTime cutoff) => [.. In(DayState.Ending).Where(record => record.CutoffTime == cutoff)];

    /// <summary>
    /// The day whose audit has been due for longest by the time that the streams have reached <paramref name="bound"/>, and since when. One at
    /// a time: reading a day's totals holds the streams up, and in between they go on.
    /// </summary>
    public (DayRecord Record, SourceTime Due)? AuditDue(SourceTime bound)
    {
        (DayRecord Record, SourceTime Due)? first = null;
        foreach (var record in In(DayState.Marked))
            if (audits.DueSince(record, bound) is { } due && (first is null || due < first.Value.Due)) first = (record, due);
        return first;
    }

    /// <param name="today">Business day of <paramref name="now"/>.</param>
    /// <param name="now">MySQL's clock, read after the command arrived: the cutoff of a day that is not ended yet, the least horizon of a repair.</param>
    public DayDecision Decide(ControlCommand command, BusinessDay today, SourceTime now)
    {
        var record = Find(command.Day);
        return command.Kind switch
        {
            CommandKind.EndDay when command.Day > today =>
                new DayDecision(Refusal: $"{command.Day} is in the future: today is {today}; a day can be ended once it has begun"),
            CommandKind.EndDay when record is null => new DayDecision(DayRecord.Ending(command.Day, now, command.By)),
            CommandKind.EndDay => new DayDecision(IsDoneAlready: record.State == DayState.Marked),
            CommandKind.RepairDay when record is null =>
                new DayDecision(Refusal: $"{command.Day} has not been ended: end it first, the rows of an open day are still being read"),
            // While it is being ended or repaired the next marker covers what was asked for.
            CommandKind.RepairDay when record.State != DayState.Marked => new DayDecision(),
            CommandKind.RepairDay => new DayDecision(record with { State = DayState.Repairing, Asked = now.Micros }),
            // Somebody else's business.
            _ => new DayDecision(),
        };
    }

    private IEnumerable<DayRecord> In(DayState state) => _days.Values.Where(record => record.State == state);
}
