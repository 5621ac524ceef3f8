namespace StreamSettlement.Contracts;

/// <summary>
/// The names of one deployment in Kafka: topics, consumer groups and client ids, each with the deployment's prefix, so that several deployments
/// can share a cluster. Without the prefix they are pinned: dashboards, Kafka UI and operators depend on them.
/// </summary>
public sealed class Topics
{
    /// <summary>Kafka takes topic names of 249 characters; the longest name here has 24.</summary>
    public const int PrefixCharsMax = 200;

    /// <summary>The rule of <see cref="IsPrefix"/> for an error message.</summary>
    public static readonly string PrefixExpected = $"expected at most {PrefixCharsMax} of the characters a-z A-Z 0-9 . _ -, or nothing";

    /// <param name="prefix">Empty for none; see <see cref="IsPrefix"/>.</param>
    /// <exception cref="ArgumentException">The prefix makes names that Kafka refuses.</exception>
    public Topics(string prefix)
    {
        if (!IsPrefix(prefix)) throw new ArgumentException($"'{prefix}' can't be the prefix of a topic: {PrefixExpected}", nameof(prefix));
        Prefix = prefix;
        (ViewLogs, AdViews) = (WithPrefix("view-logs.v1"), WithPrefix("ad-views.v1"));
        (ViewLogsDeadLetters, AdViewsDeadLetters) = (WithPrefix("view-logs.v1.dlq"), WithPrefix("ad-views.v1.dlq"));
        IngestCursors = WithPrefix("ingest-cursors.v1");
        (Commands, Events) = (WithPrefix("settlement.commands.v1"), WithPrefix("settlement.events.v1"));
        LiveGroup = WithPrefix("aggregator-g1");
    }

    /// <summary>Before every name; empty for none.</summary>
    public string Prefix { get; }

    public string ViewLogs { get; }

    public string AdViews { get; }

    public string ViewLogsDeadLetters { get; }

    public string AdViewsDeadLetters { get; }

    public string IngestCursors { get; }

    public string Commands { get; }

    public string Events { get; }

    /// <summary>The consumer group of the live aggregators: whose offsets an operator resets, whose lag a dashboard shows.</summary>
    public string LiveGroup { get; }

    /// <summary>The topics of the two streams.</summary>
    public IReadOnlyList<string> Data => [ViewLogs, AdViews];

    public static bool IsPrefix(string prefix) =>
        prefix.Length <= PrefixCharsMax && prefix.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    /// <summary>Key of a day's record in <see cref="IngestCursors"/>.</summary>
    public static string DayCursorKey(BusinessDay day) => $"day/{day}";

    public string Of(SourceStream stream) => stream == SourceStream.ViewLogs ? ViewLogs : AdViews;

    public string DeadLettersOf(SourceStream stream) => stream == SourceStream.ViewLogs ? ViewLogsDeadLetters : AdViewsDeadLetters;

    /// <exception cref="ArgumentException">The topic carries no stream of this deployment.</exception>
    public SourceStream StreamOf(string topic) =>
        topic == ViewLogs ? SourceStream.ViewLogs
        : topic == AdViews ? SourceStream.AdViews
        : throw new ArgumentException($"topic '{topic}' carries no source stream", nameof(topic));

    /// <summary>The consumer group in which a service reads the control topics, and the client id of its clients for them.</summary>
    public string ControlGroup(string service) => WithPrefix($"{service}-control");

    /// <summary>The name of another group or client of this deployment, such as the client id <c>ingest</c>.</summary>
    public string WithPrefix(string name) => Prefix + name;

    /// <param name="dataPartitions">Partitions of the two data topics; frozen once they exist.</param>
    public IReadOnlyList<TopicSpec> All(int dataPartitions) =>
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
