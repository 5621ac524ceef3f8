namespace StreamSettlement.DevBroker.Topics;

/// <summary>The settings that a topic may have, with Apache Kafka's names.</summary>
internal static class TopicConfig
{
    /// <param name="Default">Apache Kafka's default, but for segment.bytes: 64 MiB.</param>
    /// <param name="Type">The protocol's number for its type: 2 string, 3 int, 5 long, 6 double, 7 list.</param>
    public sealed record Setting(string Name, string Default, sbyte Type, Func<string, bool> Accepts, string Expected);

    public static readonly IReadOnlyDictionary<string, Setting> Known = new Setting[]
    {
        new("cleanup.policy", "delete", 7,
            value => Policies(value).All(policy => policy is "delete" or "compact"), "delete, compact or both"),
        new("compression.type", "producer", 2, value => value == "producer", "producer: batches are stored as they come"),
        new("delete.retention.ms", "86400000", 5, AtLeast(0), "milliseconds, 0 or more"),
        new("max.message.bytes", "1048588", 3, value => Number(value) is >= 0 and <= RecordBatch.SizeMax, "bytes, at most 16 MiB"),
        new("message.timestamp.type", "CreateTime", 2, value => value == "CreateTime", "CreateTime"),
        new("min.cleanable.dirty.ratio", "0.5", 6,
            value => double.TryParse(value, CultureInfo.InvariantCulture, out var ratio) && ratio is >= 0 and <= 1, "0 to 1"),
        new("min.compaction.lag.ms", "0", 5, AtLeast(0), "milliseconds, 0 or more"),
        new("min.insync.replicas", "1", 3, value => Number(value) == 1, "1: there is one node"),
        new("retention.bytes", "-1", 5, AtLeast(-1), "bytes, or -1 for no limit"),
        new("retention.ms", "604800000", 5, AtLeast(-1), "milliseconds, or -1 for no limit"),
        new("segment.bytes", "67108864", 3, value => Number(value) is >= 1024 and <= int.MaxValue, "bytes, 1024 or more"),
        new("segment.ms", "604800000", 5, AtLeast(1), "milliseconds, 1 or more"),
    }.ToDictionary(setting => setting.Name);

    /// <returns>What is wrong with one of the settings; null when nothing is.</returns>
    public static string? Refusal(IReadOnlyDictionary<string, string?> configs)
    {
        foreach (var (name, value) in configs)
        {
            if (!Known.TryGetValue(name, out var setting)) return $"unknown topic setting '{name}'";
            if (value is null || !setting.Accepts(value)) return $"{name}={value}: expected {setting.Expected}";
        }
        return null;
    }

    public static LogLimits Limits(IReadOnlyDictionary<string, string> configs)
    {
        var policy = Policies(Value(configs, "cleanup.policy"));
        var isDeleted = policy.Contains("delete");
        return new LogLimits(
            Long("segment.bytes"), (int)Long("max.message.bytes"), Long("segment.ms"),
            isDeleted ? Long("retention.ms") : -1, isDeleted ? Long("retention.bytes") : -1, policy.Contains("compact"), isDeleted,
            double.Parse(Value(configs, "min.cleanable.dirty.ratio"), CultureInfo.InvariantCulture),
            Long("min.compaction.lag.ms"), Long("delete.retention.ms"));

        long Long(string name) => long.Parse(Value(configs, name), CultureInfo.InvariantCulture);
    }

    private static string[] Policies(string value) => value.Split(',', StringSplitOptions.TrimEntries);

    private static string Value(IReadOnlyDictionary<string, string> configs, string name) =>
        configs.TryGetValue(name, out var value) ? value : Known[name].Default;

    private static Func<string, bool> AtLeast(long least) => value => Number(value) >= least;

    private static long? Number(string value) =>
        long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
}
