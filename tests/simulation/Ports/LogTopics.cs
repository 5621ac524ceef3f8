using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using StreamSettlement.Ingest.Core;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests.Ports;

/// <summary>A record as it stands in a data topic.</summary>
/// <param name="Row">The row that it carries; null for a marker or garbage.</param>
internal sealed record LogRecord(byte[]? Key, byte[]? Value, SourceRow? Row = null, DayMarker? Marker = null);

/// <summary>The topics: what is appended stays, at its offset.</summary>
internal sealed class LogTopics(Scheduler scheduler)
{
    public const int Partitions = 2;

    /// <summary>Both streams' partitions, in key order.</summary>
    public static readonly IReadOnlyList<LogPartition> All =
        [.. SourceStreams.All.SelectMany(stream => Enumerable.Range(0, Partitions).Select(partition => new LogPartition(stream, partition))).Order()];

    private readonly Dictionary<LogPartition, List<LogRecord>> _data = All.ToDictionary(at => at, _ => new List<LogRecord>());
    private readonly CursorRecords _cursors = new();

    public List<ControlCommand> Commands { get; } = [];

    /// <summary>Who has read the commands to their end and waits for more.</summary>
    public List<Action> WaitingForCommands { get; } = [];

    public List<DeadLetter> DeadLetters { get; } = [];

    /// <summary>Hears of each record that was appended to a data topic.</summary>
    public Action<LogPartition, LogRecord> Appended { get; set; } = (_, _) => { };

    /// <summary>The furthest that any ingest ever said was acknowledged.</summary>
    public SourcePosition[] Acknowledged { get; } = [SourcePosition.Beginning, SourcePosition.Beginning];

    /// <summary>What whoever reads the topic from its beginning finds.</summary>
    public CursorRecords ReadCursors() => new(_cursors);

    public IReadOnlyList<LogRecord> Records(LogPartition at) => _data[at];

    public static LogPartition PartitionOf(SourceStream stream, long content) =>
        new(stream, Partitioner.PartitionOf(new ContentId(content), Partitions));

    public void Append(LogPartition at, LogRecord record)
    {
        _data[at].Add(record);
        if (scheduler.IsTraced) scheduler.Note($"log: {at}@{_data[at].Count - 1} {Describe(record)}");
        Appended(at, record);
    }

    public void AddCommand(ControlCommand command)
    {
        Commands.Add(command);
        if (scheduler.IsTraced) scheduler.Note($"log: command {command}");
        var waiting = WaitingForCommands.ToList();
        WaitingForCommands.Clear();
        foreach (var wake in waiting) wake();
    }

    public void SaveCursor(string key, byte[] value)
    {
        _cursors.Add(key, value);
        if (scheduler.IsTraced) scheduler.Note($"log: cursor {key} {System.Text.Encoding.UTF8.GetString(value)}");
        if (!SourceStreams.TryParse(key, out var stream)) return;
        var position = _cursors.CursorOf(stream)!.Position;
        if (position > Acknowledged[(int)stream]) Acknowledged[(int)stream] = position;
    }

    public DayRecord? DayRecordOf(BusinessDay day) =>
        _cursors.Days.FirstOrDefault(record => record.Day == day);

    /// <summary>Rows of a stream as their last record shows them.</summary>
    public IEnumerable<SourceRow> Published(SourceStream stream) => All
        .Where(at => at.Stream == stream)
        .SelectMany(at => _data[at]).Where(record => record.Row is not null).Select(record => record.Row!.Value)
        .GroupBy(row => row.Id).Select(group => group.MaxBy(row => row.UpdatedAt));

    /// <summary>What the control totals would be if they were computed from what was published.</summary>
    public ControlTotals TotalsOfPublished(SourceStream stream, BusinessDay day, SourceTime below) =>
        SourceTables.Sum(Published(stream).Where(row => SourceTables.IsCounted(stream, row, day) && row.UpdatedAt < below));

    private static string Describe(LogRecord record) => record switch
    {
        { Row: { } row } => $"row {row.Id} of {row.LogDate}, status {row.Status}, content {row.ContentId} by {row.CreatorId}",
        { Marker: { } marker } => $"marker of {marker.LogDate} attempt {marker.Attempt}: {marker.Rows} rows",
        _ => "garbage",
    };
}
