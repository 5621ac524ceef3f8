using System.Net;
using StreamSettlement.DevBroker.Net;
using StreamSettlement.DevBroker.Storage;
using StreamSettlement.DevBroker.Topics;
using StreamSettlement.DevBroker.Wire;

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
        if (!served) response.Flexible = false;
        response.Error(served ? ErrorCode.None : ErrorCode.UnsupportedVersion);
        response.Array(ApiTable.All.Length);
        foreach (var api in ApiTable.All)
        {
            response.Int16((short)api.Key);
            response.Int16(api.Advertised);
            response.Int16(api.Max);
            response.Tags();
        }
        if (served && request.Version >= 1) response.Int32(0);
        response.Tags();
    }

    public void Metadata(Request request, ResponseWriter response)
    {
        var version = request.Version;
        var wanted = ReadTopics(request);
        if (version >= 3) response.Int32(0);
        response.Array(1);
        WriteNode(response, withRack: version >= 1);
        if (version >= 2) response.String(clusterId);
        if (version >= 1) response.Int32(NodeId);
        response.Array(wanted.Count);
        foreach (var (error, name, topic) in wanted) WriteTopic(response, version, error, name, topic);
        if (version is >= 8 and <= 10) response.Int32(OperationsUnknown);
        if (version >= 13) response.Error(ErrorCode.None);
        response.Tags();
    }

    public void DescribeCluster(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        reader.Bool();
        var endpoints = request.Version >= 1 ? reader.Int8() : BrokerEndpoints;
        var known = endpoints == BrokerEndpoints;
        response.Int32(0);
        response.Error(known ? ErrorCode.None : ErrorCode.UnsupportedEndpointType);
        response.String(known ? null : $"endpoint type {endpoints}: there are only brokers (1)");
        if (request.Version >= 1) response.Int8(BrokerEndpoints);
        response.String(clusterId);
        response.Int32(NodeId);
        response.Array(1);
        WriteNode(response, withRack: true);
        response.Int32(OperationsUnknown);
        response.Tags();
    }

    public void FindCoordinator(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        reader.String();
        var keyType = request.Version >= 1 ? reader.Int8() : GroupKey;
        reader.Tags();
        if (request.Version >= 1) response.Int32(0);
        var isGroup = keyType == GroupKey;
        // A fatal code on purpose: with a retriable one a transactional client would ask forever.
        response.Error(isGroup ? ErrorCode.None : ErrorCode.TransactionalIdAuthorizationFailed);
        if (request.Version >= 1) response.String(isGroup ? null : "transactions are not supported by this broker");
        response.Int32(isGroup ? NodeId : -1);
        response.String(isGroup ? advertise.Host : "");
        response.Int32(isGroup ? advertise.Port : -1);
        response.Tags();
    }

    private void WriteNode(ResponseWriter response, bool withRack)
    {
        response.Int32(NodeId);
        response.String(advertise.Host);
        response.Int32(advertise.Port);
        if (withRack) response.String(null);
        response.Tags();
    }

    private List<(ErrorCode Error, string? Name, Topic? Topic)> ReadTopics(Request request)
    {
        var version = request.Version;
        var reader = request.Reader();
        var count = reader.ArrayLength();
        var asked = new List<(string? Name, Guid Id)>();
        for (var i = 0; i < count; i++)
        {
            var id = version >= 10 ? reader.Uuid() : Guid.Empty;
            asked.Add((version >= 10 ? reader.NullableString() : reader.String(), id));
            reader.Tags();
        }
        var mayCreate = autoCreate && (version < 4 || reader.Bool());
        // Version 0 asks for all by an empty list, later ones by none.
        if (count < 0 || (count == 0 && version == 0))
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

    private static void WriteTopic(ResponseWriter response, short version, ErrorCode error, string? name, Topic? topic)
    {
        response.Error(error);
        response.String(name ?? (version >= 12 ? null : ""));
        if (version >= 10) response.Uuid(topic?.Id ?? Guid.Empty);
        if (version >= 1) response.Bool(false);
        var partitions = topic?.Partitions.Length ?? 0;
        response.Array(partitions);
        for (var i = 0; i < partitions; i++)
        {
            response.Error(ErrorCode.None);
            response.Int32(i);
            response.Int32(NodeId);
            if (version >= 7) response.Int32(PartitionLog.LeaderEpoch);
            response.Array(1);
            response.Int32(NodeId);
            response.Array(1);
            response.Int32(NodeId);
            if (version >= 5) response.Array(0);
            response.Tags();
        }
        if (version >= 8) response.Int32(OperationsUnknown);
        response.Tags();
    }
}
