namespace StreamSettlement.DevBroker.Groups;

/// <summary>A way of assigning partitions that a member offers, with what the assignor needs to know of the member.</summary>
internal sealed record GroupProtocol(string Name, byte[] Metadata);

/// <summary>A member asks to be in the next generation.</summary>
/// <param name="MemberId">Empty the first time.</param>
/// <param name="InstanceId">Given by static members, who keep their place over restarts.</param>
/// <param name="KnownIdRequired">The client can be told its id and asked to come again with it (version 4 on).</param>
internal sealed record JoinRequest(
    string MemberId, string? InstanceId, string ClientId, string ClientHost, int SessionTimeoutMs,
    int RebalanceTimeoutMs, string ProtocolType, IReadOnlyList<GroupProtocol> Protocols, bool KnownIdRequired);

/// <param name="Members">Only for the leader, who assigns.</param>
internal sealed record JoinResult(
    ErrorCode Error, string MemberId, int Generation = -1, string? ProtocolType = null, string? Protocol = null,
    string Leader = "", IReadOnlyList<JoinedMember>? Members = null);

internal sealed record JoinedMember(string MemberId, string? InstanceId, byte[] Metadata);

/// <summary>A member asks for its assignment; the leader brings those of all.</summary>
/// <param name="ProtocolType">Null, as the protocol, when the version does not have it.</param>
internal sealed record SyncRequest(
    string MemberId, string? InstanceId, int Generation, string? ProtocolType, string? Protocol,
    IReadOnlyDictionary<string, byte[]> Assignments);

internal sealed record SyncResult(ErrorCode Error, string? ProtocolType, string? Protocol, byte[] Assignment);

/// <summary>One member, as the coordinator knows it. Times are the coordinator's, in ms.</summary>
internal sealed class GroupMember(string id, JoinRequest request)
{
    private JoinRequest _request = request;

    public string Id { get; } = id;
    public string? InstanceId { get; } = request.InstanceId;
    public string ClientId => _request.ClientId;
    public string ClientHost => _request.ClientHost;
    public int RebalanceTimeoutMs => _request.RebalanceTimeoutMs;
    public IReadOnlyList<GroupProtocol> Protocols => _request.Protocols;
    public byte[] Assignment { get; set; } = [];

    /// <summary>When the member is taken for dead unless it is heard of before.</summary>
    public long ExpiresAt { get; private set; }

    /// <summary>The unanswered requests.</summary>
    public TaskCompletionSource<JoinResult>? Joining { get; private set; }
    public TaskCompletionSource<SyncResult>? Syncing { get; private set; }

    /// <summary>It has not asked for its assignment in this generation yet.</summary>
    public bool OwesSync { get; set; }

    /// <summary>A member that waits for our answer can't send a heartbeat, and needs none.</summary>
    public bool Waits => Joining is not null || Syncing is not null;
    public void Touch(long now) => ExpiresAt = now + _request.SessionTimeoutMs;

    public Task<JoinResult> WaitForJoin(JoinRequest renewed)
    {
        _request = renewed;
        // A client that asks again has given up its former request.
        Joining?.TrySetResult(new JoinResult(ErrorCode.UnknownMemberId, Id));
        Joining = new(TaskCreationOptions.RunContinuationsAsynchronously);
        return Joining.Task;
    }

    public Task<SyncResult> WaitForSync()
    {
        Syncing?.TrySetResult(new SyncResult(ErrorCode.RebalanceInProgress, null, null, []));
        Syncing = new(TaskCreationOptions.RunContinuationsAsynchronously);
        return Syncing.Task;
    }

    public void AnswerJoin(JoinResult result, long now)
    {
        Joining?.TrySetResult(result);
        Joining = null;
        Touch(now);
    }

    public void AnswerSync(SyncResult result, long now)
    {
        if (Syncing is null) return;
        Syncing.TrySetResult(result);
        Syncing = null;
        Touch(now);
    }

    /// <summary>Whether it offers the same protocols, in the same order, with the same metadata.</summary>
    public bool Offers(IReadOnlyList<GroupProtocol> protocols) =>
        Protocols.Count == protocols.Count
        && Protocols.Zip(protocols).All(
            pair => pair.First.Name == pair.Second.Name && pair.First.Metadata.AsSpan().SequenceEqual(pair.Second.Metadata));

    /// <summary>Whether its subscription names a topic, or can't be read: version, then topics, in the consumers' protocol.</summary>
    public bool MayRead(string topic)
    {
        var reader = new RequestReader(Protocols[0].Metadata, flexible: false);
        try
        {
            reader.Int16();
            for (var left = reader.Count(); left > 0; left--)
                if (reader.String() == topic)
                    return true;
            return false;
        }
        catch (MalformedRequestException)
        {
            return true;
        }
    }

    public byte[] MetadataFor(string protocol) =>
        Protocols.FirstOrDefault(offered => offered.Name == protocol)?.Metadata ?? [];
}
