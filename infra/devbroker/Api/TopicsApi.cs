using StreamSettlement.DevBroker.Net;
using StreamSettlement.DevBroker.Topics;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.DevBroker.Api;

/// <summary>CreateTopics, DeleteTopics, CreatePartitions.</summary>
internal sealed class TopicsApi(TopicCatalogue topics)
{
    public void CreateTopics(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var wanted = new List<NewTopic>();
        for (var left = reader.Count(); left > 0; left--) wanted.Add(ReadTopic(ref reader));
        reader.Int32();
        var validateOnly = request.Version >= 1 && reader.Bool();

        if (request.Version >= 2) response.Int32(0);
        response.Array(wanted.Count);
        foreach (var topic in wanted)
        {
            var (error, reason) = Create(topic, validateOnly);
            response.String(topic.Name);
            response.Error(error);
            if (request.Version >= 1) response.Reason(reason);
        }
    }

    public void DeleteTopics(Request request, ResponseWriter response)
    {
        var version = request.Version;
        var reader = request.Reader();
        var byId = version >= 6;
        if (version >= 1) response.Int32(0);
        var count = reader.Count();
        response.Array(count);
        for (; count > 0; count--)
        {
            var name = byId ? reader.NullableString() : reader.String();
            var id = byId ? reader.Uuid() : Guid.Empty;
            if (byId) reader.Tags();
            // Asked for by name, a topic is still told with its id.
            var topic = name is null ? topics.Find(id) : topics.Find(name);
            name ??= topic?.Name;
            var (error, reason) = name is null ? (ErrorCode.UnknownTopicId, $"no topic has the id {id}") : topics.Delete(name);
            response.String(name);
            if (byId) response.Uuid(topic?.Id ?? id);
            response.Error(error);
            if (version >= 5) response.Reason(reason);
            response.Tags();
        }
        response.Tags();
    }

    public void CreatePartitions(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var wanted = new List<(string Topic, int Total, int Assignments, bool OnThisNode)>();
        for (var left = reader.Count(); left > 0; left--)
        {
            var (name, total, onThisNode) = (reader.String(), reader.Int32(), true);
            var assignments = reader.ArrayLength();
            for (var i = 0; i < assignments; i++)
            {
                onThisNode &= ReadReplicas(ref reader);
                reader.Tags();
            }
            reader.Tags();
            wanted.Add((name, total, assignments, onThisNode));
        }
        reader.Int32();
        var validateOnly = reader.Bool();

        response.Int32(0);
        response.Array(wanted.Count);
        foreach (var (name, total, assignments, onThisNode) in wanted)
        {
            var added = total - (topics.Find(name)?.Partitions.Length ?? 0);
            var (error, reason) = onThisNode && (assignments < 0 || assignments == added)
                ? topics.Grow(name, total, validateOnly)
                : (ErrorCode.InvalidReplicaAssignment, $"expected {added} replicas, all of them on node {MetadataApi.NodeId}");
            response.String(name);
            response.Error(error);
            response.Reason(reason);
            response.Tags();
        }
        response.Tags();
    }

    private static NewTopic ReadTopic(ref RequestReader reader)
    {
        var name = reader.String();
        var partitions = reader.Int32();
        var replication = reader.Int16();
        var assignments = reader.Count();
        var onThisNode = true;
        for (var i = 0; i < assignments; i++)
        {
            reader.Int32();
            onThisNode &= ReadReplicas(ref reader);
        }
        var configs = new Dictionary<string, string?>();
        for (var left = reader.Count(); left > 0; left--) configs[reader.String()] = reader.NullableString();
        return new NewTopic(name, partitions, replication, assignments, onThisNode, configs);
    }

    /// <returns>Whether the replicas are one, on the only node.</returns>
    private static bool ReadReplicas(ref RequestReader reader)
    {
        var count = reader.Count();
        var onThisNode = count == 1;
        for (; count > 0; count--) onThisNode &= reader.Int32() == MetadataApi.NodeId;
        return onThisNode;
    }

    private (ErrorCode Error, string? Reason) Create(NewTopic topic, bool validateOnly)
    {
        if (topic.Replication is not (1 or -1))
            return (ErrorCode.InvalidReplicationFactor, $"replication factor {topic.Replication}: there is one node");
        if (!topic.OnThisNode)
            return (ErrorCode.InvalidReplicaAssignment, $"replicas can only be on node {MetadataApi.NodeId}");
        var partitions = topic.Assignments > 0 ? topic.Assignments : topic.Partitions == -1 ? 1 : topic.Partitions;
        return topics.Create(topic.Name, partitions, topic.Configs, validateOnly);
    }

    private sealed record NewTopic(
        string Name, int Partitions, short Replication, int Assignments, bool OnThisNode, Dictionary<string, string?> Configs);
}
