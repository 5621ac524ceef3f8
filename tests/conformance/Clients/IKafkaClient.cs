namespace StreamSettlement.ConformanceTests.Clients;

/// <summary>The names by which the rows of the tables call the clients.</summary>
internal static class ClientName
{
    /// <summary>Confluent.Kafka over librdkafka.</summary>
    public const string Confluent = "Confluent.Kafka";

    /// <summary>Debian's kcat: librdkafka too, with none of our code around it. It does not administrate.</summary>
    public const string Kcat = "kcat";

    /// <summary>Debian's python3-kafka.</summary>
    public const string Python = "python3-kafka";

    /// <summary>kafkajs from npm.</summary>
    public const string KafkaJs = "kafkajs";
}

/// <summary>A record that is produced.</summary>
/// <param name="Partition">Null: the client chooses by the key.</param>
/// <param name="Timestamp">Ms since epoch; null: now.</param>
internal sealed record NewRecord(int? Partition, string? Key, string? Value, IReadOnlyDictionary<string, string> Headers, long? Timestamp = null);

/// <summary>A record as it was read.</summary>
internal sealed record ReadRecord(int Partition, long Offset, long Timestamp, string? Key, string? Value, IReadOnlyDictionary<string, string> Headers);

/// <param name="Low">The first offset.</param>
/// <param name="High">The offset that the next record gets.</param>
internal sealed record OffsetRange(long Low, long High);

/// <summary>How two members of a group shared a topic, and what one had after the other left.</summary>
/// <param name="State">Of the group, with both in it.</param>
internal sealed record Sharing(int[][] Both, int[] One, string State, int Members);

internal sealed record ClusterDescription(string[] Brokers, int Controller, string ClusterId);

/// <summary>What every Kafka client does.</summary>
/// <exception cref="RefusedException">Of each method: the broker answered with an error.</exception>
internal interface IKafkaClient
{
    Task Produce(string topic, IReadOnlyList<NewRecord> records, string compression = "none", bool idempotent = false);

    /// <summary>Reads a partition from its beginning to its end.</summary>
    Task<List<ReadRecord>> Read(string topic, int partition);

    /// <summary>Joins a group, reads so many records from where the group is, commits what it has read, leaves.</summary>
    Task<List<ReadRecord>> ReadInGroup(string topic, string group, int count);

    Task<OffsetRange> Offsets(string topic, int partition);

    /// <summary>The first record at or after a time; past the last one the end.</summary>
    Task<long> OffsetAt(string topic, int partition, long timestamp);

    Task<int> Partitions(string topic);

    Task<ClusterDescription> Cluster();
}

/// <summary>A client that administrates too.</summary>
internal interface IKafkaAdmin : IKafkaClient
{
    /// <summary>Two members share a topic's partitions; then one leaves.</summary>
    Task<Sharing> Share(string topic, string group, int partitions);

    Task CreateTopic(string topic, int partitions, short replicas = 1, IReadOnlyDictionary<string, string>? settings = null);

    Task DeleteTopic(string topic);

    Task CreatePartitions(string topic, int total);

    Task<Dictionary<string, string>> Settings(string topic);

    Task AlterSettings(string topic, IReadOnlyDictionary<string, string> settings);

    Task DeleteRecords(string topic, int partition, long before);

    /// <returns>The offset; -1 when there is none.</returns>
    Task<long> Committed(string group, string topic, int partition);

    Task<string[]> Groups();

    Task DeleteGroup(string group);
}

/// <summary>The broker answered with an error.</summary>
/// <param name="code">The protocol's number for it.</param>
internal sealed class RefusedException(int code, string message) : Exception(message)
{
    public int Code { get; } = code;
}
