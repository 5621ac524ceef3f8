namespace StreamSettlement.Contracts;

/// <summary>The topics, as pinned: dashboards, Kafka UI and operators hang on these names.</summary>
public static class Topics
{
    public const string ViewLogs = "view-logs.v1";
    public const string AdViews = "ad-views.v1";
    public const string ViewLogsDeadLetters = "view-logs.v1.dlq";
    public const string AdViewsDeadLetters = "ad-views.v1.dlq";
    public const string IngestCursors = "ingest-cursors.v1";
    public const string Commands = "settlement.commands.v1";
    public const string Events = "settlement.events.v1";

    /// <summary>The consumer group of the live aggregators: whose offsets an operator resets, whose lag a dashboard shows.</summary>
    public const string LiveGroup = "aggregator-g1";

    /// <summary>Key of a day's record in <see cref="IngestCursors"/>.</summary>
    public static string DayCursorKey(BusinessDay day) => $"day/{day}";

    /// <param name="dataPartitions">Partitions of the two data topics; frozen once they exist.</param>
    public static IReadOnlyList<TopicSpec> All(int dataPartitions) =>
    [
        new(ViewLogs, dataPartitions, KeepForever),
        new(AdViews, dataPartitions, KeepForever),
        new(ViewLogsDeadLetters, 1, KeepForever),
        new(AdViewsDeadLetters, 1, KeepForever),
        new(IngestCursors, 1, Compacted),
        new(Commands, 1, KeepForever),
        new(Events, 1, KeepForever),
    ];

    private static readonly IReadOnlyDictionary<string, string> KeepForever = new Dictionary<string, string>
    {
        ["cleanup.policy"] = "delete",
        ["retention.ms"] = "-1",
        ["retention.bytes"] = "-1",
    };

    private static readonly IReadOnlyDictionary<string, string> Compacted = new Dictionary<string, string>
    {
        ["cleanup.policy"] = "compact",
        // Only closed segments are compacted, and who starts reads the whole topic: a record per page would be weeks of them.
        ["segment.bytes"] = "1048576",
    };
}

/// <summary>A topic as its owner creates it.</summary>
public sealed record TopicSpec(string Name, int Partitions, IReadOnlyDictionary<string, string> Configs);

/// <summary>Headers of a record in a dead-letter topic.</summary>
public static class DeadLetterHeaders
{
    public const string Reason = "dlq-reason";
    public const string Detail = "dlq-detail";
    public const string Topic = "dlq-topic";
    public const string Partition = "dlq-partition";
    public const string Offset = "dlq-offset";
}
