namespace StreamSettlement.DevBroker.Wire;

/// <summary>The requests that this broker answers; the numbers are the protocol's.</summary>
internal enum ApiKey : short
{
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    JoinGroup = 11,
    Heartbeat = 12,
    LeaveGroup = 13,
    SyncGroup = 14,
    DescribeGroups = 15,
    ListGroups = 16,
    ApiVersions = 18,
    CreateTopics = 19,
    DeleteTopics = 20,
    DeleteRecords = 21,
    InitProducerId = 22,
    OffsetForLeaderEpoch = 23,
    DescribeConfigs = 32,
    AlterConfigs = 33,
    CreatePartitions = 37,
    DeleteGroups = 42,
    IncrementalAlterConfigs = 44,
    OffsetDelete = 47,
    DescribeCluster = 60,
}

/// <summary>Versions of one request: what is advertised, what is served, and from where fields are "flexible".</summary>
/// <param name="Advertised">Lowest version in the ApiVersions answer.</param>
/// <param name="Min">Lowest version that is served.</param>
/// <param name="Max">Highest version that is served and advertised.</param>
/// <param name="FlexibleFrom">First version with compact lengths and tagged fields.</param>
internal readonly record struct ApiRange(ApiKey Key, short Advertised, short Min, short Max, short FlexibleFrom)
{
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
        new(ApiKey.Produce, 0, 3, 10, 9),
        new(ApiKey.Fetch, 4, 4, 16, 12),
        new(ApiKey.ListOffsets, 1, 1, 7, 6),
        new(ApiKey.Metadata, 0, 0, 13, 9),
        new(ApiKey.OffsetCommit, 2, 2, 9, 8),
        new(ApiKey.OffsetFetch, 1, 1, 9, 6),
        new(ApiKey.FindCoordinator, 0, 0, 3, 3),
        new(ApiKey.JoinGroup, 0, 0, 7, 6),
        new(ApiKey.Heartbeat, 0, 0, 4, 4),
        new(ApiKey.LeaveGroup, 0, 0, 4, 4),
        new(ApiKey.SyncGroup, 0, 0, 5, 4),
        new(ApiKey.DescribeGroups, 0, 0, 5, 5),
        new(ApiKey.ListGroups, 0, 0, 4, 3),
        new(ApiKey.ApiVersions, 0, 0, 4, 3),
        new(ApiKey.CreateTopics, 0, 0, 4, NeverFlexible),
        new(ApiKey.DeleteTopics, 0, 0, 6, 4),
        new(ApiKey.DeleteRecords, 0, 0, 2, 2),
        new(ApiKey.InitProducerId, 0, 0, 4, 2),
        new(ApiKey.OffsetForLeaderEpoch, 2, 2, 4, 4),
        new(ApiKey.DescribeConfigs, 0, 0, 4, 4),
        new(ApiKey.AlterConfigs, 0, 0, 2, 2),
        new(ApiKey.CreatePartitions, 0, 0, 3, 2),
        new(ApiKey.DeleteGroups, 0, 0, 2, 2),
        new(ApiKey.IncrementalAlterConfigs, 0, 0, 1, 1),
        new(ApiKey.OffsetDelete, 0, 0, 0, NeverFlexible),
        new(ApiKey.DescribeCluster, 0, 0, 1, 0),
    ];

    private static readonly Dictionary<short, ApiRange> ByKey = All.ToDictionary(range => (short)range.Key);

    public static bool TryFind(short key, out ApiRange range) => ByKey.TryGetValue(key, out range);
}
