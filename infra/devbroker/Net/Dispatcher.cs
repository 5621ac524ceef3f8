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
    MetadataApi metadata, TopicAdminApi admin, ProduceApi produce, FetchApi fetch, OffsetsApi offsets,
    MembershipApi membership, GroupOffsetsApi groupOffsets, GroupQueryApi groupQuery)
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
            case ApiKey.ApiVersions: MetadataApi.ApiVersions(request, response); break;
            case ApiKey.Metadata: metadata.Metadata(request, response); break;
            case ApiKey.FindCoordinator: metadata.FindCoordinator(request, response); break;
            case ApiKey.CreateTopics: admin.CreateTopics(request, response); break;
            case ApiKey.DescribeConfigs: admin.DescribeConfigs(request, response); break;
            case ApiKey.JoinGroup: await membership.Join(request, response); break;
            case ApiKey.SyncGroup: await membership.Sync(request, response); break;
            case ApiKey.Heartbeat: membership.Heartbeat(request, response); break;
            case ApiKey.LeaveGroup: membership.Leave(request, response); break;
            case ApiKey.OffsetCommit: groupOffsets.Commit(request, response); break;
            case ApiKey.OffsetFetch: groupOffsets.Fetch(request, response); break;
            case ApiKey.ListGroups: groupQuery.List(request, response); break;
            case ApiKey.DescribeGroups: groupQuery.Describe(request, response); break;
            default: throw new InvalidOperationException($"{request.Api.Key} is in the table but has no handler");
        }
        return Outcome.Respond;
    }
}
