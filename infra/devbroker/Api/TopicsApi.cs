namespace StreamSettlement.DevBroker.Api;

/// <summary>CreateTopics, DeleteTopics, CreatePartitions.</summary>
internal sealed class TopicsApi(TopicCatalogue topics)
{
    public void CreateTopics(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var wanted = reader.List(ReadTopic);
        reader.Int32();
        var validateOnly = reader.Bool(since: 1);
        response.Int32(0, since: 2).List(wanted, topic =>
        {
            var (error, reason) = Create(topic, validateOnly);
            response.String(topic.Name).Error(error).Reason(reason, since: 1);
        });
    }

    public void DeleteTopics(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var wanted = request.Version >= 6
            ? reader.List((ref topic) => (Name: topic.NullableString(), Id: topic.Uuid()))
            : reader.Values((ref name) => (Name: (string?)name.String(), Id: Guid.Empty));
        response.Int32(0, since: 1).List(wanted, asked =>
        {
            // Asked for by name, a topic is still told with its id.
            var topic = asked.Name is null ? topics.Find(asked.Id) : topics.Find(asked.Name);
            var name = asked.Name ?? topic?.Name;
            var (error, reason) = name is null ? (ErrorCode.UnknownTopicId, $"no topic has the id {asked.Id}") : topics.Delete(name);
            response.String(name).Uuid(topic?.Id ?? asked.Id, since: 6).Error(error).Reason(reason, since: 5);
        }).Tags();
    }

    public void CreatePartitions(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var wanted = reader.List((ref topic) => (Name: topic.String(), Total: topic.Int32(), Assignments: topic.NullableList(ReadReplicas)));
        reader.Int32();
        var validateOnly = reader.Bool();
        response.Int32(0).List(wanted, topic =>
        {
            var added = topic.Total - (topics.Find(topic.Name)?.Partitions.Length ?? 0);
            var isPossible = topic.Assignments is null || (topic.Assignments.Count == added && topic.Assignments.All(onThisNode => onThisNode));
            var (error, reason) = isPossible
                ? topics.Grow(topic.Name, topic.Total, validateOnly)
                : (ErrorCode.InvalidReplicaAssignment, $"expected {added} replicas, all of them on node {MetadataApi.NodeId}");
            response.String(topic.Name).Error(error).Reason(reason);
        }).Tags();
    }

    private static NewTopic ReadTopic(ref RequestReader reader)
    {
        var (name, partitions, replication) = (reader.String(), reader.Int32(), reader.Int16());
        var assignments = reader.List((ref assignment) =>
        {
            assignment.Int32();
            return ReadReplicas(ref assignment);
        });
        var configs = new Dictionary<string, string?>();
        foreach (var (key, value) in reader.List((ref config) => (config.String(), config.NullableString()))) configs[key] = value;
        return new NewTopic(name, partitions, replication, assignments, configs);
    }

    /// <returns>Whether the replicas are one, on the only node.</returns>
    private static bool ReadReplicas(ref RequestReader reader) => reader.Values((ref node) => node.Int32()) is [MetadataApi.NodeId];

    private (ErrorCode Error, string? Reason) Create(NewTopic topic, bool validateOnly)
    {
        if (topic.Replication is not (1 or -1))
            return (ErrorCode.InvalidReplicationFactor, $"replication factor {topic.Replication}: there is one node");
        if (topic.Assignments.Contains(false))
            return (ErrorCode.InvalidReplicaAssignment, $"replicas can only be on node {MetadataApi.NodeId}");
        var partitions = topic.Assignments.Count > 0 ? topic.Assignments.Count : topic.Partitions == -1 ? 1 : topic.Partitions;
        return topics.Create(topic.Name, partitions, topic.Configs, validateOnly);
    }

    /// <param name="Assignments">For each partition whether its replicas can be where they are asked for.</param>
    private sealed record NewTopic(
        string Name, int Partitions, short Replication, List<bool> Assignments, Dictionary<string, string?> Configs);
}
