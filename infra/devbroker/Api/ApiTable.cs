using System.Diagnostics.CodeAnalysis;

namespace StreamSettlement.DevBroker.Api;

/// <summary>The files that answer requests.</summary>
internal sealed record Apis(
    MetadataApi Metadata, TopicsApi Topics, ConfigsApi Configs, ProduceApi Produce, FetchApi Fetch, OffsetsApi Offsets,
    MembershipApi Membership, GroupOffsetsApi GroupOffsets, GroupAdminApi GroupAdmin);

/// <summary>One request: what is advertised, what is served, from where fields are "flexible", and who answers it.</summary>
/// <param name="Advertised">Lowest version in the ApiVersions answer; served are <paramref name="Min"/> to <paramref name="Max"/>.</param>
/// <param name="FlexibleFrom">First version with compact lengths and tagged fields.</param>
internal sealed record ApiRange(
    ApiKey Key, short Advertised, short Min, short Max, short FlexibleFrom, Func<Apis, Request, ResponseWriter, ValueTask> Answer)
{
    /// <summary>A request that is answered without waiting for anything.</summary>
    public ApiRange(ApiKey key, short advertised, short min, short max, short flexibleFrom, Action<Apis, Request, ResponseWriter> answer)
        : this(key, advertised, min, max, flexibleFrom, (apis, request, response) =>
        {
            answer(apis, request, response);
            return ValueTask.CompletedTask;
        })
    {
    }

    public bool Serves(short version) => version >= Min && version <= Max;
    public bool IsFlexible(short version) => version >= FlexibleFrom;
}

/// <summary>The table of served requests.</summary>
internal static class ApiTable
{
    /// <summary>A version that no request reaches: the served versions are all of the older, fixed-length kind.</summary>
    private const short NeverFlexible = short.MaxValue;

    /// <remarks>
    /// Produce is advertised from 0 though only batches of magic 2 (version 3 on) are taken: librdkafka decides by the
    /// lower versions whether a broker knows compression, and Apache Kafka 4 advertises it the same way.
    /// </remarks>
    public static readonly ApiRange[] All =
    [
        new(ApiKey.Produce, 0, 3, 10, 9, (apis, ask, answer) => apis.Produce.Produce(ask, answer)),
        new(ApiKey.Fetch, 4, 4, 16, 12, (apis, ask, answer) => apis.Fetch.Fetch(ask, answer)),
        new(ApiKey.ListOffsets, 1, 1, 7, 6, (apis, ask, answer) => apis.Offsets.ListOffsets(ask, answer)),
        new(ApiKey.Metadata, 0, 0, 13, 9, (apis, ask, answer) => apis.Metadata.Metadata(ask, answer)),
        new(ApiKey.OffsetCommit, 2, 2, 9, 8, (apis, ask, answer) => apis.GroupOffsets.Commit(ask, answer)),
        new(ApiKey.OffsetFetch, 1, 1, 9, 6, (apis, ask, answer) => apis.GroupOffsets.Fetch(ask, answer)),
        new(ApiKey.FindCoordinator, 0, 0, 3, 3, (apis, ask, answer) => apis.Metadata.FindCoordinator(ask, answer)),
        new(ApiKey.JoinGroup, 0, 0, 7, 6, (apis, ask, answer) => apis.Membership.Join(ask, answer)),
        new(ApiKey.Heartbeat, 0, 0, 4, 4, (apis, ask, answer) => apis.Membership.Heartbeat(ask, answer)),
        new(ApiKey.LeaveGroup, 0, 0, 4, 4, (apis, ask, answer) => apis.Membership.Leave(ask, answer)),
        new(ApiKey.SyncGroup, 0, 0, 5, 4, (apis, ask, answer) => apis.Membership.Sync(ask, answer)),
        new(ApiKey.DescribeGroups, 0, 0, 5, 5, (apis, ask, answer) => apis.GroupAdmin.Describe(ask, answer)),
        new(ApiKey.ListGroups, 0, 0, 4, 3, (apis, ask, answer) => apis.GroupAdmin.List(ask, answer)),
        new(ApiKey.ApiVersions, 0, 0, 4, 3, (_, ask, answer) => MetadataApi.ApiVersions(ask, answer)),
        new(ApiKey.CreateTopics, 0, 0, 4, NeverFlexible, (apis, ask, answer) => apis.Topics.CreateTopics(ask, answer)),
        new(ApiKey.DeleteTopics, 0, 0, 6, 4, (apis, ask, answer) => apis.Topics.DeleteTopics(ask, answer)),
        new(ApiKey.DeleteRecords, 0, 0, 2, 2, (apis, ask, answer) => apis.Offsets.DeleteRecords(ask, answer)),
        new(ApiKey.InitProducerId, 0, 0, 4, 2, (apis, ask, answer) => apis.Produce.InitProducerId(ask, answer)),
        new(ApiKey.OffsetForLeaderEpoch, 2, 2, 4, 4, (apis, ask, answer) => apis.Offsets.OffsetForLeaderEpoch(ask, answer)),
        new(ApiKey.DescribeConfigs, 0, 0, 4, 4, (apis, ask, answer) => apis.Configs.Describe(ask, answer)),
        new(ApiKey.AlterConfigs, 0, 0, 2, 2, (apis, ask, answer) => apis.Configs.Alter(ask, answer)),
        new(ApiKey.CreatePartitions, 0, 0, 3, 2, (apis, ask, answer) => apis.Topics.CreatePartitions(ask, answer)),
        new(ApiKey.DeleteGroups, 0, 0, 2, 2, (apis, ask, answer) => apis.GroupAdmin.Delete(ask, answer)),
        new(ApiKey.IncrementalAlterConfigs, 0, 0, 1, 1, (apis, ask, answer) => apis.Configs.Alter(ask, answer)),
        new(ApiKey.OffsetDelete, 0, 0, 0, NeverFlexible, (apis, ask, answer) => apis.GroupOffsets.Delete(ask, answer)),
        new(ApiKey.DescribeCluster, 0, 0, 1, 0, (apis, ask, answer) => apis.Metadata.DescribeCluster(ask, answer)),
    ];

    private static readonly Dictionary<short, ApiRange> ByKey = All.ToDictionary(range => (short)range.Key);

    public static bool TryFind(short key, [NotNullWhen(true)] out ApiRange? range) => ByKey.TryGetValue(key, out range);
}
