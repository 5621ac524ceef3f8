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
        Set = 0, Delete = 1, Append = 2, Subtract = 3,
    }

    public void Describe(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var wanted = reader.List((ref resource) =>
            (Type: resource.Int8(), Name: resource.String(), Keys: resource.NullableValues((ref key) => key.String())));
        var synonyms = reader.Bool(since: 1);
        response.Int32(0).List(wanted, resource =>
        {
            var (error, reason, settings) = Settings(resource.Type, resource.Name);
            var told = settings.Where(setting => resource.Keys?.Contains(setting.Setting.Name) != false);
            response.Error(error).Reason(reason).Int8(resource.Type).String(resource.Name)
                .List([.. told], each => WriteSetting(response, each.Setting, each.Own, synonyms, isReadOnly: resource.Type == BrokerResource));
        }).Tags();
    }

    /// <summary>AlterConfigs replaces all settings of a topic, IncrementalAlterConfigs changes the named ones.</summary>
    public void Alter(Request request, ResponseWriter response)
    {
        var incremental = request.Api.Key == ApiKey.IncrementalAlterConfigs;
        var reader = request.Reader();
        var wanted = reader.List((ref resource) => (Type: resource.Int8(), Name: resource.String(), Changes: resource.List((ref change) =>
        {
            var key = change.String();
            return (Change: incremental ? (Change)change.Int8() : Change.Set, Key: key, Value: change.NullableString());
        })));
        var validateOnly = reader.Bool();
        response.Int32(0).List(wanted, resource =>
        {
            var (type, name, changes) = resource;
            var (error, reason) = type != TopicResource
                ? (ErrorCode.InvalidRequest, $"resource type {type}: only settings of topics (2) can be changed")
                : changes.Any(each => !Enum.IsDefined(each.Change))
                    ? (ErrorCode.InvalidRequest, "an operation is unknown: expected 0 set, 1 delete, 2 append, 3 subtract")
                    : topics.Configure(name, now => Changed(incremental ? now : [], changes), validateOnly);
            response.Error(error).Reason(reason).Int8(type).String(name);
        }).Tags();
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

    private static void WriteSetting(ResponseWriter response, TopicConfig.Setting setting, string? own, bool synonyms, bool isReadOnly)
    {
        var value = own ?? setting.Default;
        var source = own is null ? SetByDefault : SetOnTopic;
        response.String(setting.Name).String(value).Bool(isReadOnly).Bool(own is null, until: 0).Int8(source, since: 1).Bool(false)
            .List((string[])(synonyms ? [value] : []), same => response.String(setting.Name).String(same).Int8(source), since: 1)
            .Int8(setting.Type, since: 3).String(null, since: 3);
    }
}
