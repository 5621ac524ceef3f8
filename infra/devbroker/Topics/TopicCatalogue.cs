using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using StreamSettlement.DevBroker.Storage;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.DevBroker.Topics;

/// <summary>
/// All topics. Read without a lock; creating replaces the whole, after topics.json is on disk: a topic that was
/// acknowledged is there at the next start.
/// </summary>
internal sealed partial class TopicCatalogue : IDisposable
{
    public const int PartitionsMax = 1000;

    private readonly Lock _gate = new();
    private readonly string _directory;
    private readonly TimeProvider _time;
    private readonly BrokerTelemetry _telemetry;
    private ImmutableSortedDictionary<string, Topic> _byName =
        ImmutableSortedDictionary.Create<string, Topic>(StringComparer.Ordinal);

    public TopicCatalogue(string dataDirectory, TimeProvider time, BrokerTelemetry telemetry)
    {
        _directory = dataDirectory;
        _time = time;
        _telemetry = telemetry;
        if (!File.Exists(CataloguePath)) return;
        var stored = JsonSerializer.Deserialize<TopicRecord[]>(File.ReadAllBytes(CataloguePath))
            ?? throw new InvalidDataException($"{CataloguePath} is empty");
        foreach (var record in stored) _byName = _byName.Add(record.Name, Open(record));
    }

    public IEnumerable<Topic> All => Volatile.Read(ref _byName).Values;

    private string CataloguePath => Path.Combine(_directory, "topics.json");

    public Topic? Find(string name) => Volatile.Read(ref _byName).GetValueOrDefault(name);

    public Topic? Find(Guid id) => All.FirstOrDefault(topic => topic.Id == id);

    /// <returns>What is wrong with the request, in this order: name, exists already, partitions, settings.</returns>
    public (ErrorCode Error, string? Reason) Check(
        string name, int partitions, IReadOnlyDictionary<string, string?> configs)
    {
        if (!IsLegal(name))
            return (ErrorCode.InvalidTopic, $"topic '{name}': 1 to 249 of a-z A-Z 0-9 . _ - and not . or ..");
        if (Find(name) is not null) return (ErrorCode.TopicAlreadyExists, $"topic '{name}' already exists");
        if (partitions is < 1 or > PartitionsMax)
            return (ErrorCode.InvalidPartitions, $"{partitions} partitions: expected 1 to {PartitionsMax}");
        foreach (var (key, value) in configs)
            if (TopicConfig.Refusal(key, value) is { } refusal)
                return (ErrorCode.InvalidConfig, refusal);
        return (ErrorCode.None, null);
    }

    /// <summary>Creates a topic after <see cref="Check"/>.</summary>
    public (ErrorCode Error, string? Reason) Create(
        string name, int partitions, IReadOnlyDictionary<string, string?> configs)
    {
        lock (_gate)
        {
            var check = Check(name, partitions, configs);
            if (check.Error != ErrorCode.None) return check;
            var stored = configs.ToDictionary(pair => pair.Key, pair => pair.Value!);
            var topic = Open(new TopicRecord(name, Guid.NewGuid(), partitions, stored));
            var next = _byName.Add(name, topic);
            AtomicFile.Write(CataloguePath,
                JsonSerializer.SerializeToUtf8Bytes(next.Values.Select(known => known.Record)));
            Volatile.Write(ref _byName, next);
        }
        _telemetry.TopicCreated(name, partitions);
        return (ErrorCode.None, null);
    }

    public void Flush()
    {
        foreach (var topic in All)
            foreach (var partition in topic.Partitions)
                partition.Flush();
    }

    public void Dispose()
    {
        foreach (var topic in All)
            foreach (var partition in topic.Partitions)
                partition.Dispose();
    }

    public static bool IsLegal(string name) => name is not ("." or "..") && LegalName().IsMatch(name);

    private Topic Open(TopicRecord record)
    {
        var limits = TopicConfig.Limits(record.Configs);
        var partitions = new PartitionLog[record.Partitions];
        for (var i = 0; i < partitions.Length; i++)
            partitions[i] = new PartitionLog(
                Path.Combine(_directory, "logs", $"{record.Name}-{i}"), limits, _time, _telemetry);
        return new Topic(record, partitions);
    }

    [GeneratedRegex("^[a-zA-Z0-9._-]{1,249}\\z")]
    private static partial Regex LegalName();
}
