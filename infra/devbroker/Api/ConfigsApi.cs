using System.Globalization;
using StreamSettlement.DevBroker.Net;
using StreamSettlement.DevBroker.Topics;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.DevBroker.Api;

/// <summary>DescribeConfigs, AlterConfigs, IncrementalAlterConfigs: those of topics; the node's are told, not changed.</summary>
internal sealed class ConfigsApi(TopicCatalogue topics)
{
    private const sbyte TopicResource = 2;
    private const sbyte BrokerResource = 4;
    private const sbyte SetOnTopic = 1;
    private const sbyte SetByDefault = 5;

    private enum Change : sbyte
    {
        Set = 0,
        Delete = 1,
        Append = 2,
        Subtract = 3,
    }

    public void Describe(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var wanted = new List<(sbyte Type, string Name, HashSet<string>? Keys)>();
        for (var left = reader.Count(); left > 0; left--)
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
            WriteResource(response, error, reason, type, name);
            var told = settings.Where(setting => keys is null || keys.Contains(setting.Setting.Name)).ToList();
            response.Array(told.Count);
            foreach (var (setting, own) in told)
                WriteSetting(response, request.Version, setting, own, synonyms, isReadOnly: type == BrokerResource);
            response.Tags();
        }
        response.Tags();
    }

    /// <summary>AlterConfigs replaces all settings of a topic, IncrementalAlterConfigs changes the named ones.</summary>
    public void Alter(Request request, ResponseWriter response)
    {
        var incremental = request.Api.Key == ApiKey.IncrementalAlterConfigs;
        var reader = request.Reader();
        var wanted = new List<(sbyte Type, string Name, List<(Change Change, string Key, string? Value)> Changes)>();
        for (var left = reader.Count(); left > 0; left--)
        {
            var (type, name) = (reader.Int8(), reader.String());
            var changes = new List<(Change, string, string?)>();
            for (var count = reader.Count(); count > 0; count--)
            {
                var key = reader.String();
                var change = incremental ? (Change)reader.Int8() : Change.Set;
                changes.Add((change, key, reader.NullableString()));
                reader.Tags();
            }
            reader.Tags();
            wanted.Add((type, name, changes));
        }
        var validateOnly = reader.Bool();

        response.Int32(0);
        response.Array(wanted.Count);
        foreach (var (type, name, changes) in wanted)
        {
            var (error, reason) = type != TopicResource
                ? (ErrorCode.InvalidRequest, $"resource type {type}: only settings of topics (2) can be changed")
                : changes.Any(each => !Enum.IsDefined(each.Change))
                    ? (ErrorCode.InvalidRequest, "an operation is unknown: expected 0 set, 1 delete, 2 append, 3 subtract")
                    : topics.Configure(name, now => Changed(incremental ? now : [], changes), validateOnly);
            WriteResource(response, error, reason, type, name);
            response.Tags();
        }
        response.Tags();
    }

    private static Dictionary<string, string?> Changed(
        Dictionary<string, string> now, List<(Change Change, string Key, string? Value)> changes)
    {
        var next = now.ToDictionary(pair => pair.Key, pair => (string?)pair.Value);
        foreach (var (change, key, value) in changes)
        {
            var parts = (next.GetValueOrDefault(key) ?? TopicConfig.Known.GetValueOrDefault(key)?.Default ?? "").Split(',');
            var named = (value ?? "").Split(',');
            if (change == Change.Delete) next.Remove(key);
            else next[key] = change switch
            {
                Change.Append => string.Join(',', parts.Union(named)),
                Change.Subtract => string.Join(',', parts.Except(named)),
                _ => value,
            };
        }
        return next;
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

    private static void WriteResource(ResponseWriter response, ErrorCode error, string? reason, sbyte type, string name)
    {
        response.Error(error);
        response.Reason(reason);
        response.Int8(type);
        response.String(name);
    }

    private static void WriteSetting(
        ResponseWriter response, short version, TopicConfig.Setting setting, string? own, bool synonyms, bool isReadOnly)
    {
        var value = own ?? setting.Default;
        var source = own is null ? SetByDefault : SetOnTopic;
        response.String(setting.Name);
        response.String(value);
        response.Bool(isReadOnly);
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
}
