namespace StreamSettlement.DevBroker.Groups;

/// <summary>What DescribeGroups tells of a group; a group that does not exist is Dead.</summary>
internal sealed record GroupDescription(
    string Id, string State, string ProtocolType, string Protocol, IReadOnlyList<MemberDescription> Members);

internal sealed record MemberDescription(
    string Id, string? InstanceId, string ClientId, string ClientHost, byte[] Metadata, byte[] Assignment);

/// <summary>All groups of the broker, their time, and their committed offsets.</summary>
internal sealed class GroupCoordinator : IDisposable
{
    /// <summary>Shortest session. Apache Kafka's 6,000 would make whoever tests a killed consumer wait that long.</summary>
    public const int SessionTimeoutMsMin = 1_000;
    public const int SessionTimeoutMsMax = 1_800_000;

    /// <summary>How long the first member of an empty group waits for others. Apache Kafka's default is 3,000.</summary>
    private const int InitialDelayMs = 100;

    private const int OffsetMetadataCharsMax = 4096;

    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentDictionary<string, Group> _groups = new();
    private readonly OffsetStore _offsets;
    private readonly TimeProvider _time;
    private readonly BrokerTelemetry _telemetry;
    private readonly ITimer _timer;

    public GroupCoordinator(OffsetStore offsets, TimeProvider time, BrokerTelemetry telemetry)
    {
        _offsets = offsets;
        _time = time;
        _telemetry = telemetry;
        _timer = time.CreateTimer(_ => Tick(), null, TickInterval, TickInterval);
    }

    public OffsetStore Offsets => _offsets;
    private long Now => (long)_time.GetElapsedTime(0).TotalMilliseconds;

    public Task<JoinResult> Join(string groupId, JoinRequest request)
    {
        if (groupId.Length == 0) return Task.FromResult(new JoinResult(ErrorCode.InvalidGroupId, request.MemberId));
        if (request.SessionTimeoutMs is < SessionTimeoutMsMin or > SessionTimeoutMsMax)
            return Task.FromResult(new JoinResult(ErrorCode.InvalidSessionTimeout, request.MemberId));
        for (; ; )
        {
            // A member id that we did not give out means a group that we do not know, say after a restart.
            var group = request.MemberId.Length == 0
                ? _groups.GetOrAdd(groupId, id => new Group(id, InitialDelayMs, _telemetry))
                : _groups.GetValueOrDefault(groupId);
            if (group is null) return Task.FromResult(new JoinResult(ErrorCode.UnknownMemberId, request.MemberId));
            lock (group.Gate)
            {
                // Deleted since it was found: into a new one, then.
                if (!group.IsDeleted) return group.Join(request, Now);
            }
        }
    }

    public Task<SyncResult> Sync(string groupId, SyncRequest request) => Within(
        groupId, refusal => Task.FromResult(new SyncResult(refusal, null, null, [])), group => group.Sync(request, Now));

    public ErrorCode Heartbeat(string groupId, string memberId, string? instanceId, int generation) =>
        Within(groupId, refusal => refusal, group => group.Heartbeat(memberId, instanceId, generation, Now));

    public ErrorCode Leave(string groupId, string memberId, string? instanceId) =>
        Within(groupId, refusal => refusal, group => group.Leave(memberId, instanceId, Now));

    /// <summary>Whether the member may commit; a client without membership may when the group has no members.</summary>
    public ErrorCode MayCommit(string groupId, string memberId, string? instanceId, int generation)
    {
        if (groupId.Length == 0) return ErrorCode.InvalidGroupId;
        if (_groups.TryGetValue(groupId, out var group))
            lock (group.Gate) return group.MayCommit(memberId, instanceId, generation, Now);
        return generation < 0 ? ErrorCode.None : ErrorCode.IllegalGeneration;
    }

    /// <summary>Stores offsets of a group; when this returns None they survive a killed process.</summary>
    public ErrorCode Store(string groupId, IReadOnlyList<CommittedOffset> offsets)
    {
        try
        {
            _offsets.Commit(offsets);
            return ErrorCode.None;
        }
        catch (IOException failure)
        {
            _telemetry.OffsetsFailed(groupId, failure);
            return ErrorCode.CoordinatorNotAvailable;
        }
    }

    /// <summary>Deletes a group that has no members, with its offsets.</summary>
    public ErrorCode Delete(string groupId)
    {
        if (groupId.Length == 0) return ErrorCode.InvalidGroupId;
        var offsets = _offsets.All(groupId);
        if (!_groups.TryGetValue(groupId, out var group))
            return offsets.Count == 0 ? ErrorCode.GroupIdNotFound : Store(groupId, Forgotten(offsets));
        lock (group.Gate)
        {
            // By someone else, meanwhile: what has its name now is another.
            if (group.IsDeleted) return ErrorCode.GroupIdNotFound;
            if (group.State != GroupState.Empty) return ErrorCode.NonEmptyGroup;
            var stored = Store(groupId, Forgotten(offsets));
            if (stored != ErrorCode.None) return stored;
            group.IsDeleted = true;
            _groups.TryRemove(groupId, out _);
            return ErrorCode.None;
        }
    }

    public ErrorCode MayDeleteOffsets(string groupId)
    {
        if (!_groups.TryGetValue(groupId, out var group))
            return _offsets.All(groupId).Count > 0 ? ErrorCode.None : ErrorCode.GroupIdNotFound;
        lock (group.Gate)
            return group.State == GroupState.Empty || group.IsConsumers ? ErrorCode.None : ErrorCode.NonEmptyGroup;
    }

    /// <summary>Deletes one offset, unless members of the group read that topic.</summary>
    public ErrorCode DeleteOffset(string groupId, string topic, int partition)
    {
        if (_groups.TryGetValue(groupId, out var group))
            lock (group.Gate)
                if (group.Members.Any(member => member.MayRead(topic))) return ErrorCode.GroupSubscribedToTopic;
        return _offsets.Find(groupId, topic, partition) is { } offset ? Store(groupId, Forgotten([offset])) : ErrorCode.None;
    }

    public static bool IsMetadataLegal(string metadata) => metadata.Length <= OffsetMetadataCharsMax;

    /// <summary>Every group that has members, had some since the start, or has committed offsets.</summary>
    public IReadOnlyList<GroupDescription> List() =>
        [.. _groups.Keys.Union(_offsets.Groups()).Order(StringComparer.Ordinal).Select(Describe)];

    public GroupDescription Describe(string groupId)
    {
        if (!_groups.TryGetValue(groupId, out var group))
            return new GroupDescription(groupId, _offsets.All(groupId).Count > 0 ? "Empty" : "Dead", "", "", []);
        lock (group.Gate)
        {
            var protocol = group.State == GroupState.Stable ? group.Protocol! : "";
            var members = group.Members.Select(member => new MemberDescription(
                member.Id, member.InstanceId, member.ClientId, member.ClientHost,
                member.MetadataFor(protocol), protocol.Length > 0 ? member.Assignment : []));
            return new GroupDescription(groupId, group.State.ToString(), group.ProtocolType ?? "", protocol, [.. members]);
        }
    }

    public void Dispose() => _timer.Dispose();

    private static List<CommittedOffset> Forgotten(IReadOnlyList<CommittedOffset> offsets) =>
        [.. offsets.Select(offset => offset with { Offset = CommittedOffset.None })];

    private T Within<T>(string groupId, Func<ErrorCode, T> refused, Func<Group, T> answer)
    {
        if (groupId.Length == 0) return refused(ErrorCode.InvalidGroupId);
        if (!_groups.TryGetValue(groupId, out var group)) return refused(ErrorCode.UnknownMemberId);
        lock (group.Gate) return answer(group);
    }

    private void Tick()
    {
        foreach (var group in _groups.Values)
            lock (group.Gate)
                group.Tick(Now);
    }
}
