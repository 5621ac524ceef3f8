using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace StreamSettlement.DevBroker.Topics;

/// <summary>What is stored of a topic in topics.json.</summary>
internal sealed record TopicRecord(string Name, Guid Id, int Partitions, Dictionary<string, string> Configs);

/// <summary>A topic with its open partitions.</summary>
internal sealed record Topic(TopicRecord Record, PartitionLog[] Partitions)
{
    public string Name => Record.Name;
    public Guid Id => Record.Id;

    public PartitionLog? Partition(int index) =>
        index >= 0 && index < Partitions.Length ? Partitions[index] : null;
}

/// <summary>
/// All topics. Read without a lock; a change replaces the whole, after topics.json is on disk: what was acknowledged is
/// there, or gone, at the next start.
/// </summary>
internal sealed partial class TopicCatalogue : IDisposable
{
    public const int PartitionsMax = 1000;

    private readonly Lock _gate = new();
    private readonly string _directory;
    private readonly OffsetStore _offsets;
    private readonly TimeProvider _time;
    private readonly BrokerTelemetry _telemetry;
    private ImmutableSortedDictionary<string, Topic> _byName =
        ImmutableSortedDictionary.Create<string, Topic>(StringComparer.Ordinal);

    public TopicCatalogue(string dataDirectory, OffsetStore offsets, TimeProvider time, BrokerTelemetry telemetry)
    {
        _directory = dataDirectory;
        _offsets = offsets;
        _time = time;
        _telemetry = telemetry;
        if (!File.Exists(CataloguePath)) return;
        var stored = JsonSerializer.Deserialize<TopicRecord[]>(File.ReadAllBytes(CataloguePath))
            ?? throw new InvalidDataException($"{CataloguePath} is empty");
        foreach (var record in stored) _byName = _byName.Add(record.Name, new Topic(record, Open(record, from: 0)));
    }

    public IEnumerable<Topic> All => Volatile.Read(ref _byName).Values;
    private string CataloguePath => Path.Combine(_directory, "topics.json");
    public Topic? Find(string name) => Volatile.Read(ref _byName).GetValueOrDefault(name);
    public Topic? Find(Guid id) => All.FirstOrDefault(topic => topic.Id == id);
    public PartitionLog? Partition(string topic, int index) => Find(topic)?.Partition(index);

    /// <summary>Creates a topic, or only checks whether it could be.</summary>
    /// <returns>What is wrong with the request, in this order: name, exists already, partitions, settings.</returns>
    public (ErrorCode Error, string? Reason) Create(
        string name, int partitions, IReadOnlyDictionary<string, string?> configs, bool validateOnly = false) => Change(() =>
    {
        if (!IsLegal(name))
            return (ErrorCode.InvalidTopic, $"topic '{name}': 1 to 249 of a-z A-Z 0-9 . _ - and not . or ..");
        if (Find(name) is not null) return (ErrorCode.TopicAlreadyExists, $"topic '{name}' already exists");
        if (partitions is < 1 or > PartitionsMax)
            return (ErrorCode.InvalidPartitions, $"{partitions} partitions: expected 1 to {PartitionsMax}");
        if (TopicConfig.Refusal(configs) is { } refusal) return (ErrorCode.InvalidConfig, refusal);
        if (validateOnly) return (ErrorCode.None, null);
        var record = new TopicRecord(name, Guid.NewGuid(), partitions, configs.ToDictionary(pair => pair.Key, pair => pair.Value!));
        // What a crash left behind of a deleted topic of this name must not come back, nor a commit that was under way.
        for (var i = 0; i < partitions; i++) DeleteDirectory(name, i);
        _offsets.ForgetTopic(name);
        Put(new Topic(record, Open(record, from: 0)));
        _telemetry.TopicCreated(name, partitions);
        return (ErrorCode.None, null);
    });

    public (ErrorCode Error, string? Reason) Delete(string name) => Change(() =>
    {
        if (Find(name) is not { } topic) return Missing(name);
        Store(_byName.Remove(name));
        for (var i = 0; i < topic.Partitions.Length; i++)
        {
            topic.Partitions[i].Close();
            DeleteDirectory(name, i);
        }
        // A topic that is made again under this name begins anew, and so do those who read it.
        _offsets.ForgetTopic(name);
        _telemetry.TopicDeleted(name);
        return (ErrorCode.None, null);
    });

    /// <summary>Adds partitions to a topic up to a <paramref name="total"/>; the others stay as they are.</summary>
    public (ErrorCode Error, string? Reason) Grow(string name, int total, bool validateOnly) => Change(() =>
    {
        if (Find(name) is not { Record: var record } topic) return Missing(name);
        if (total <= record.Partitions || total > PartitionsMax)
            return (ErrorCode.InvalidPartitions,
                $"topic '{name}' has {record.Partitions} partitions: expected more, at most {PartitionsMax}, not {total}");
        if (validateOnly) return (ErrorCode.None, null);
        for (var i = record.Partitions; i < total; i++) DeleteDirectory(name, i);
        var grown = record with { Partitions = total };
        Put(new Topic(grown, [.. topic.Partitions, .. Open(grown, from: record.Partitions)]));
        _telemetry.TopicGrew(name, total);
        return (ErrorCode.None, null);
    });

    /// <summary>Gives a topic the settings that <paramref name="change"/> makes of those that it has, in force at once.</summary>
    public (ErrorCode Error, string? Reason) Configure(
        string name, Func<Dictionary<string, string>, Dictionary<string, string?>> change, bool validateOnly) => Change(() =>
    {
        if (Find(name) is not { } topic) return Missing(name);
        var configs = change(topic.Record.Configs);
        if (TopicConfig.Refusal(configs) is { } refusal) return (ErrorCode.InvalidConfig, refusal);
        if (validateOnly) return (ErrorCode.None, null);
        var record = topic.Record with { Configs = configs.ToDictionary(pair => pair.Key, pair => pair.Value!) };
        Put(topic with { Record = record });
        foreach (var partition in topic.Partitions) partition.Limits = TopicConfig.Limits(record.Configs);
        return (ErrorCode.None, null);
    });

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

    private static (ErrorCode, string?) Missing(string name) =>
        (ErrorCode.UnknownTopicOrPartition, $"topic '{name}' does not exist");

    private (ErrorCode, string?) Change(Func<(ErrorCode, string?)> change)
    {
        lock (_gate)
        {
            try
            {
                return change();
            }
            catch (IOException failure)
            {
                _telemetry.CatalogueFailed(failure);
                return (ErrorCode.StorageError, failure.Message);
            }
        }
    }

    private void Put(Topic topic) => Store(_byName.SetItem(topic.Name, topic));

    private void Store(ImmutableSortedDictionary<string, Topic> next)
    {
        DiskFile.Replace(CataloguePath, JsonSerializer.SerializeToUtf8Bytes(next.Values.Select(topic => topic.Record))).Dispose();
        Volatile.Write(ref _byName, next);
    }

    private PartitionLog[] Open(TopicRecord record, int from)
    {
        var limits = TopicConfig.Limits(record.Configs);
        return [.. Enumerable.Range(from, record.Partitions - from)
            .Select(index => new PartitionLog(LogDirectory(record.Name, index), limits, _time, _telemetry))];
    }

    private void DeleteDirectory(string topic, int partition)
    {
        if (Directory.Exists(LogDirectory(topic, partition))) Directory.Delete(LogDirectory(topic, partition), recursive: true);
    }

    private string LogDirectory(string topic, int partition) => Path.Combine(_directory, "logs", $"{topic}-{partition}");

    [GeneratedRegex("^[a-zA-Z0-9._-]{1,249}\\z")]
    private static partial Regex LegalName();
}
