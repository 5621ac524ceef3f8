using Confluent.Kafka;
using Confluent.Kafka.Admin;
using StreamSettlement.Contracts;

namespace StreamSettlement.Hosting;

/// <summary>Topics as their owners create them; an existing one is left as it is.</summary>
public static class KafkaTopics
{
    private static readonly TimeSpan AskTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan KnowTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Creates what is missing. Safe when two services do it at once.</summary>
    /// <param name="clientId">Client id of the requests; see <see cref="Topics.WithPrefix"/>.</param>
    /// <exception cref="KafkaException">The broker can't be reached or refused; see <see cref="Transient.Kafka(Exception)"/>.</exception>
    public static async Task EnsureAsync(string bootstrap, string clientId, IEnumerable<TopicSpec> topics)
    {
        using var admin = Admin(bootstrap, clientId);
        var existing = admin.GetMetadata(AskTimeout).Topics.Select(topic => topic.Topic).ToHashSet(StringComparer.Ordinal);
        var missing = topics.Where(topic => !existing.Contains(topic.Name)).ToList();
        if (missing.Count == 0) return;
        try
        {
            await admin.CreateTopicsAsync(missing.Select(topic => new TopicSpecification
            {
                Name = topic.Name,
                NumPartitions = topic.Partitions,
                // -1: the broker's default, so that a cluster replicates as its operator set it up.
                ReplicationFactor = -1,
                Configs = topic.Configs.ToDictionary(),
            }));
        }
        catch (CreateTopicsException refused) when (refused.Results.All(result => result.Error.Code is ErrorCode.NoError or ErrorCode.TopicAlreadyExists))
        {
            // The other service was faster.
        }
    }

    /// <param name="clientId">Client id of the requests; see <see cref="Topics.WithPrefix"/>.</param>
    /// <returns>Partition count of each topic; 0 where it does not exist yet.</returns>
    /// <exception cref="KafkaException">The broker can't be reached.</exception>
    public static IReadOnlyDictionary<string, int> PartitionCounts(string bootstrap, string clientId, IEnumerable<string> topics)
    {
        using var admin = Admin(bootstrap, clientId);
        var known = admin.GetMetadata(AskTimeout).Topics
            .Where(topic => topic.Error.Code == ErrorCode.NoError)
            .ToDictionary(topic => topic.Topic, topic => topic.Partitions.Count, StringComparer.Ordinal);
        return topics.ToDictionary(topic => topic, topic => known.GetValueOrDefault(topic), StringComparer.Ordinal);
    }

    /// <summary>
    /// Has a new client know topics that it will write to. The first message of one that does not would wait until librdkafka looks around the
    /// next time, up to a second.
    /// </summary>
    /// <returns>The client. What it could not be told it finds out by itself.</returns>
    public static T Knowing<T>(T client, params ReadOnlySpan<string> topics)
        where T : IClient
    {
        using var admin = new DependentAdminClientBuilder(client.Handle).Build();
        try
        {
            foreach (var topic in topics) admin.GetMetadata(topic, KnowTimeout);
        }
        catch (KafkaException unreachable) when (Transient.Kafka(unreachable))
        {
            // Whoever writes is told so.
        }
        return client;
    }

    private static IAdminClient Admin(string bootstrap, string clientId) =>
        new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap, ClientId = clientId })
            .SetLogHandler((_, _) => { }) // librdkafka's own connection log; the exception says the same
            .SetErrorHandler((_, _) => { })
            .Build();
}
