using StreamSettlement.DevBroker.Api;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.DevBroker.Net;

/// <summary>What a connection does after a request was handled.</summary>
internal enum Outcome
{
    Respond,

    /// <summary>The client wants no answer (produce with acks=0).</summary>
    Silent,

    /// <summary>The client wants no answer but there is an error to tell: the connection is closed, as Kafka does.</summary>
    Close,
}

/// <summary>Brings each request to the file that answers it.</summary>
internal sealed class Dispatcher(
    MetadataApi metadata, TopicsApi topics, ConfigsApi configs, ProduceApi produce, FetchApi fetch, OffsetsApi offsets,
    MembershipApi membership, GroupOffsetsApi groupOffsets, GroupAdminApi groupAdmin)
{
    public async ValueTask<Outcome> Dispatch(Request request, ResponseWriter response)
    {
        switch (request.Api.Key)
        {
            case ApiKey.Produce: return produce.Produce(request, response);
            case ApiKey.InitProducerId: produce.InitProducerId(request, response); break;
            case ApiKey.Fetch: await fetch.Fetch(request, response); break;
            case ApiKey.ListOffsets: offsets.ListOffsets(request, response); break;
            case ApiKey.OffsetForLeaderEpoch: offsets.OffsetForLeaderEpoch(request, response); break;
            case ApiKey.DeleteRecords: offsets.DeleteRecords(request, response); break;
            case ApiKey.ApiVersions: MetadataApi.ApiVersions(request, response); break;
            case ApiKey.Metadata: metadata.Metadata(request, response); break;
            case ApiKey.FindCoordinator: metadata.FindCoordinator(request, response); break;
            case ApiKey.DescribeCluster: metadata.DescribeCluster(request, response); break;
            case ApiKey.CreateTopics: topics.CreateTopics(request, response); break;
            case ApiKey.DeleteTopics: topics.DeleteTopics(request, response); break;
            case ApiKey.CreatePartitions: topics.CreatePartitions(request, response); break;
            case ApiKey.DescribeConfigs: configs.Describe(request, response); break;
            case ApiKey.AlterConfigs or ApiKey.IncrementalAlterConfigs: configs.Alter(request, response); break;
            case ApiKey.JoinGroup: await membership.Join(request, response); break;
            case ApiKey.SyncGroup: await membership.Sync(request, response); break;
            case ApiKey.Heartbeat: membership.Heartbeat(request, response); break;
            case ApiKey.LeaveGroup: membership.Leave(request, response); break;
            case ApiKey.OffsetCommit: groupOffsets.Commit(request, response); break;
            case ApiKey.OffsetFetch: groupOffsets.Fetch(request, response); break;
            case ApiKey.OffsetDelete: groupOffsets.Delete(request, response); break;
            case ApiKey.ListGroups: groupAdmin.List(request, response); break;
            case ApiKey.DescribeGroups: groupAdmin.Describe(request, response); break;
            case ApiKey.DeleteGroups: groupAdmin.Delete(request, response); break;
            default: throw new InvalidOperationException($"{request.Api.Key} is in the table but has no handler");
        }
        return Outcome.Respond;
    }
}
