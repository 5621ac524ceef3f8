namespace StreamSettlement.DevBroker.Api;

/// <summary>What there is and where: ApiVersions, Metadata, DescribeCluster, FindCoordinator. One node is everything.</summary>
internal sealed class MetadataApi(TopicCatalogue topics, string clusterId, DnsEndPoint advertise, bool autoCreate)
{
    public const int NodeId = 1;

    /// <summary>The protocol's "not told" for sets of allowed operations: there are no permissions here.</summary>
    public const int OperationsUnknown = int.MinValue;

    private const sbyte GroupKey = 0;
    private const sbyte BrokerEndpoints = 1;

    public static void ApiVersions(Request request, ResponseWriter response)
    {
        var served = request.Api.Serves(request.Version);
        // A client of a later version gets the oldest form, with what it may ask instead.
        if (!served) (response.Version, response.Flexible) = (0, false);
        response.Error(served ? ErrorCode.None : ErrorCode.UnsupportedVersion)
            .List(ApiTable.All, api => response.Int16((short)api.Key).Int16(api.Advertised).Int16(api.Max))
            .Int32(0, since: 1).Tags();
    }

    public void Metadata(Request request, ResponseWriter response)
    {
        var wanted = ReadTopics(request);
        response.Int32(0, since: 3).Array(1);
        WriteNode(response, rackSince: 1).String(clusterId, since: 2).Int32(NodeId, since: 1)
            .List(wanted, topic => WriteTopic(response, topic.Error, topic.Name, topic.Topic))
            .Int32(OperationsUnknown, since: 8, until: 10).Error(ErrorCode.None, since: 13).Tags();
    }

    public void DescribeCluster(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        reader.Bool();
        var endpoints = reader.Int8(since: 1, otherwise: BrokerEndpoints);
        var known = endpoints == BrokerEndpoints;
        response.Int32(0).Error(known ? ErrorCode.None : ErrorCode.UnsupportedEndpointType)
            .String(known ? null : $"endpoint type {endpoints}: there are only brokers (1)")
            .Int8(BrokerEndpoints, since: 1).String(clusterId).Int32(NodeId).Array(1);
        WriteNode(response, rackSince: 0).Int32(OperationsUnknown).Tags();
    }

    public void FindCoordinator(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        reader.String();
        var isGroup = reader.Int8(since: 1, otherwise: GroupKey) == GroupKey;
        reader.Tags();
        // A fatal code on purpose: with a retriable one a transactional client would ask forever.
        response.Int32(0, since: 1).Error(isGroup ? ErrorCode.None : ErrorCode.TransactionalIdAuthorizationFailed)
            .String(isGroup ? null : "transactions are not supported by this broker", since: 1)
            .Int32(isGroup ? NodeId : -1).String(isGroup ? advertise.Host : "").Int32(isGroup ? advertise.Port : -1).Tags();
    }

    private ResponseWriter WriteNode(ResponseWriter response, int rackSince) =>
        response.Int32(NodeId).String(advertise.Host).Int32(advertise.Port).String(null, rackSince).Tags();

    private List<(ErrorCode Error, string? Name, Topic? Topic)> ReadTopics(Request request)
    {
        var reader = request.Reader();
        var asked = reader.NullableList((ref topic) =>
        {
            var id = topic.Uuid(since: 10);
            return (Id: id, Name: request.Version >= 10 ? topic.NullableString() : topic.String());
        });
        var mayCreate = autoCreate && (request.Version < 4 || reader.Bool());
        // Version 0 asks for all by an empty list, later ones by none.
        if (asked is null || (asked.Count == 0 && request.Version == 0))
            return [.. topics.All.Select(topic => (ErrorCode.None, (string?)topic.Name, (Topic?)topic))];
        return asked.ConvertAll(each => Find(each.Name, each.Id, mayCreate));
    }

    private (ErrorCode Error, string? Name, Topic? Topic) Find(string? name, Guid id, bool mayCreate)
    {
        if (name is null)
        {
            var known = topics.Find(id);
            return (known is null ? ErrorCode.UnknownTopicId : ErrorCode.None, known?.Name, known);
        }
        var topic = topics.Find(name);
        if (topic is null && mayCreate && topics.Create(name, 1, new Dictionary<string, string?>()).Error == ErrorCode.None)
            topic = topics.Find(name);
        var missing = TopicCatalogue.IsLegal(name) ? ErrorCode.UnknownTopicOrPartition : ErrorCode.InvalidTopic;
        return (topic is null ? missing : ErrorCode.None, name, topic);
    }

    private static void WriteTopic(ResponseWriter response, ErrorCode error, string? name, Topic? topic) => response
        .Error(error).String(name ?? (response.Version >= 12 ? null : "")).Uuid(topic?.Id ?? Guid.Empty, since: 10).Bool(false, since: 1)
        .List([.. Enumerable.Range(0, topic?.Partitions.Length ?? 0)], partition => response
            .Error(ErrorCode.None).Int32(partition).Int32(NodeId).Int32(PartitionLog.LeaderEpoch, since: 7)
            .Array(1).Int32(NodeId).Array(1).Int32(NodeId).Array(0, since: 5))
        .Int32(OperationsUnknown, since: 8);
}
