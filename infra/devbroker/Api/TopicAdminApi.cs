using System.Globalization;
using StreamSettlement.DevBroker.Net;
using StreamSettlement.DevBroker.Topics;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.DevBroker.Api;

/// <summary>CreateTopics and DescribeConfigs.</summary>
internal sealed class TopicAdminApi(TopicCatalogue topics)
{
    private const sbyte TopicResource = 2;
    private const sbyte BrokerResource = 4;
    private const sbyte SetOnTopic = 1;
    private const sbyte SetByDefault = 5;

    public void CreateTopics(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var wanted = new List<NewTopic>();
        for (var left = reader.ArrayLength(); left > 0; left--) wanted.Add(ReadTopic(ref reader));
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

    public void DescribeConfigs(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var wanted = new List<(sbyte Type, string Name, HashSet<string>? Keys)>();
        for (var left = reader.ArrayLength(); left > 0; left--)
        {
            var type = reader.Int8();
            var name = reader.String();
            var count = reader.ArrayLength();
            var keys = count < 0 ? null : new HashSet<string>();
            for (var i = 0; i < count; i++) keys!.Add(reader.String());
            reader.Tags();
            wanted.Add((type, name, keys));
        }
        var synonyms = request.Version >= 1 && reader.Bool();

        response.Int32(0);
        response.Array(wanted.Count);
        foreach (var (type, name, keys) in wanted)
        {
            var (error, reason, settings) = Settings(type, name);
            response.Error(error);
            response.Reason(reason);
            response.Int8(type);
            response.String(name);
            var told = settings.Where(setting => keys is null || keys.Contains(setting.Setting.Name)).ToList();
            response.Array(told.Count);
            foreach (var (setting, own) in told) WriteSetting(response, request.Version, setting, own, synonyms);
            response.Tags();
        }
        response.Tags();
    }

    private static NewTopic ReadTopic(ref RequestReader reader)
    {
        var name = reader.String();
        var partitions = reader.Int32();
        var replication = reader.Int16();
        var assignments = reader.ArrayLength();
        var onThisNode = true;
        for (var i = 0; i < assignments; i++)
        {
            reader.Int32();
            var replicas = reader.ArrayLength();
            onThisNode &= replicas == 1;
            for (; replicas > 0; replicas--) onThisNode &= reader.Int32() == MetadataApi.NodeId;
        }
        var configs = new Dictionary<string, string?>();
        for (var left = reader.ArrayLength(); left > 0; left--) configs[reader.String()] = reader.NullableString();
        return new NewTopic(name, partitions, replication, Math.Max(0, assignments), onThisNode, configs);
    }

    private (ErrorCode Error, string? Reason) Create(NewTopic topic, bool validateOnly)
    {
        if (topic.Replication is not (1 or -1))
            return (ErrorCode.InvalidReplicationFactor, $"replication factor {topic.Replication}: there is one node");
        if (!topic.OnThisNode)
            return (ErrorCode.InvalidReplicaAssignment, $"replicas can only be on node {MetadataApi.NodeId}");
        var partitions = topic.Assignments > 0 ? topic.Assignments : topic.Partitions == -1 ? 1 : topic.Partitions;
        return validateOnly
            ? topics.Check(topic.Name, partitions, topic.Configs)
            : topics.Create(topic.Name, partitions, topic.Configs);
    }

    private (ErrorCode, string?, IEnumerable<(TopicConfig.Setting Setting, string? Own)>) Settings(sbyte type, string name)
    {
        if (type == BrokerResource && name == MetadataApi.NodeId.ToString(CultureInfo.InvariantCulture))
            return (ErrorCode.None, null, TopicConfig.Known.Values.Select(setting => (setting, (string?)null)));
        if (type != TopicResource)
            return (ErrorCode.InvalidRequest, $"resource type {type} '{name}' is not known", []);
        return topics.Find(name) is { } topic
            ? (ErrorCode.None, null,
                TopicConfig.Known.Values.Select(setting => (setting, topic.Record.Configs.GetValueOrDefault(setting.Name))))
            : (ErrorCode.UnknownTopicOrPartition, $"topic '{name}' does not exist", []);
    }

    private static void WriteSetting(
        ResponseWriter response, short version, TopicConfig.Setting setting, string? own, bool synonyms)
    {
        var value = own ?? setting.Default;
        var source = own is null ? SetByDefault : SetOnTopic;
        response.String(setting.Name);
        response.String(value);
        // There is no request to change a setting.
        response.Bool(true);
        if (version == 0) response.Bool(own is null);
        else response.Int8(source);
        response.Bool(false);
        if (version >= 1)
        {
            response.Array(synonyms ? 1 : 0);
            if (synonyms)
            {
                response.String(setting.Name);
                response.String(value);
                response.Int8(source);
                response.Tags();
            }
        }
        if (version >= 3)
        {
            response.Int8(setting.Type);
            response.String(null);
        }
        response.Tags();
    }

    private sealed record NewTopic(
        string Name, int Partitions, short Replication, int Assignments, bool OnThisNode, Dictionary<string, string?> Configs);
}
