namespace StreamSettlement.DevBroker.Groups;

/// <summary>The states of a group, by Apache Kafka's names.</summary>
internal enum GroupState
{
    Empty, PreparingRebalance, CompletingRebalance, Stable,
}

/// <summary>
/// The state machine of one consumer group, as Apache Kafka's coordinator has it. Not safe for threads: the coordinator
/// holds <see cref="Gate"/>. Time is an argument (ms on any scale), so that every rule can be tested without waiting.
/// </summary>
internal sealed partial class Group(string id, int initialDelayMs, BrokerTelemetry telemetry)
{
    private const int MemberNameCharsMax = 200;

    private readonly Dictionary<string, GroupMember> _members = [];

    /// <summary>Ids given out but not joined with yet, and until when they are kept.</summary>
    private readonly Dictionary<string, long> _pending = [];

    /// <summary>Static members: instance id to member id.</summary>
    private readonly Dictionary<string, string> _static = [];

    private long _joinFrom;
    private long _joinUntil;
    private long _syncUntil;

    public Lock Gate { get; } = new();
    public string Id { get; } = id;
    public GroupState State { get; private set; } = GroupState.Empty;
    public int Generation { get; private set; }
    public string? ProtocolType { get; private set; }
    public string? Protocol { get; private set; }
    public string? Leader { get; private set; }

    /// <summary>Whether its members speak the protocol of consumers, which tells the topics that they read.</summary>
    public bool IsConsumers => ProtocolType == "consumer";

    /// <summary>It is gone; whoever still holds it looks for its successor.</summary>
    public bool IsDeleted { get; set; }

    public IReadOnlyCollection<GroupMember> Members => _members.Values;

    /// <summary>Takes a member into the next generation; the answer comes when that generation begins.</summary>
    public Task<JoinResult> Join(JoinRequest request, long now)
    {
        if (!CanUse(request)) return Refuse(request.MemberId, ErrorCode.InconsistentGroupProtocol);
        if (request.MemberId.Length == 0) return JoinFirst(request, now);
        if (_pending.Remove(request.MemberId)) return Add(request.MemberId, request, now);
        var known = Find(request.MemberId, request.InstanceId, out var member);
        if (known != ErrorCode.None) return Refuse(request.MemberId, known);
        var changed = !member!.Offers(request.Protocols);
        switch (State)
        {
            case GroupState.CompletingRebalance when !changed:
            case GroupState.Stable when !changed && member.Id != Leader:
                // Its answer was lost: nothing to rebalance.
                member.Touch(now);
                return Task.FromResult(Current(member));
            default:
                var answer = member.WaitForJoin(request);
                Rebalance(now, changed ? "a member's subscription changed" : "a member joined again");
                return answer;
        }
    }

    /// <summary>Gives a member its assignment; the leader's request brings all of them and makes the group stable.</summary>
    public Task<SyncResult> Sync(SyncRequest request, long now)
    {
        var known = Find(request.MemberId, request.InstanceId, out var member);
        if (known != ErrorCode.None) return RefuseSync(known);
        if (request.Generation != Generation) return RefuseSync(ErrorCode.IllegalGeneration);
        if ((request.ProtocolType ?? ProtocolType) != ProtocolType || (request.Protocol ?? Protocol) != Protocol)
            return RefuseSync(ErrorCode.InconsistentGroupProtocol);
        if (State == GroupState.PreparingRebalance) return RefuseSync(ErrorCode.RebalanceInProgress);

        member!.OwesSync = false;
        member.Touch(now);
        if (State == GroupState.Stable) return Task.FromResult(Assigned(member));
        var answer = member.WaitForSync();
        if (member.Id == Leader)
        {
            foreach (var each in _members.Values)
                each.Assignment = request.Assignments.GetValueOrDefault(each.Id, []);
            State = GroupState.Stable;
            foreach (var each in _members.Values) each.AnswerSync(Assigned(each), now);
        }
        return answer;
    }

    public ErrorCode Heartbeat(string memberId, string? instanceId, int generation, long now)
    {
        var known = Find(memberId, instanceId, out var member);
        if (known != ErrorCode.None) return known;
        if (generation != Generation) return ErrorCode.IllegalGeneration;
        member!.Touch(now);
        return State == GroupState.PreparingRebalance ? ErrorCode.RebalanceInProgress : ErrorCode.None;
    }

    /// <param name="memberId">May be empty when the instance id is given.</param>
    public ErrorCode Leave(string memberId, string? instanceId, long now)
    {
        if (memberId.Length == 0 && instanceId is not null && _static.TryGetValue(instanceId, out var current))
            memberId = current;
        if (_pending.Remove(memberId))
        {
            TryCompleteJoin(now);
            return ErrorCode.None;
        }
        var known = Find(memberId, instanceId, out var member);
        if (known != ErrorCode.None) return known;
        Remove(member!, "by its own request");
        Rebalance(now, "a member left");
        return ErrorCode.None;
    }

    public ErrorCode MayCommit(string memberId, string? instanceId, int generation, long now)
    {
        // A client that manages its partitions itself, outside of any membership, whatever it calls itself.
        if (generation < 0 && _members.Count == 0) return ErrorCode.None;
        var known = Find(memberId, instanceId, out var member);
        if (known != ErrorCode.None) return known;
        if (generation != Generation) return ErrorCode.IllegalGeneration;
        if (State == GroupState.CompletingRebalance) return ErrorCode.RebalanceInProgress;
        member!.Touch(now);
        return ErrorCode.None;
    }

    /// <summary>Lets time pass: dead members go, late ones are no longer waited for.</summary>
    public void Tick(long now)
    {
        foreach (var (memberId, until) in _pending)
            if (now >= until)
                _pending.Remove(memberId);
        var gone = _members.Values.Where(member => !member.Waits && now >= member.ExpiresAt).ToList();
        if (State is GroupState.CompletingRebalance or GroupState.Stable && now >= _syncUntil)
            gone.AddRange(_members.Values.Where(member => member.OwesSync && !gone.Contains(member)));
        foreach (var member in gone) Remove(member, "its time ran out");
        if (gone.Count > 0) Rebalance(now, "a member's time ran out");
        else TryCompleteJoin(now);
    }

    private Task<JoinResult> JoinFirst(JoinRequest request, long now)
    {
        if (request.InstanceId is { } instance && _static.TryGetValue(instance, out var former))
            return Replace(_members[former], request, now);
        var memberId = NewId(request.InstanceId ?? request.ClientId);
        if (!request.KnownIdRequired || request.InstanceId is not null) return Add(memberId, request, now);
        // A client whose answer is lost would leave a dead member behind: it joins only once it knows its id.
        _pending[memberId] = now + request.SessionTimeoutMs;
        return Refuse(memberId, ErrorCode.MemberIdRequired);
    }

    private Task<JoinResult> Add(string memberId, JoinRequest request, long now)
    {
        var member = new GroupMember(memberId, request);
        if (_members.Count == 0) ProtocolType = request.ProtocolType;
        _members.Add(memberId, member);
        if (request.InstanceId is { } instance) _static[instance] = memberId;
        Leader ??= memberId;
        var answer = member.WaitForJoin(request);
        Rebalance(now, "a member joined");
        return answer;
    }

    /// <summary>A static member came back under a new id: it keeps its assignment, its former self is fenced.</summary>
    private Task<JoinResult> Replace(GroupMember former, JoinRequest request, long now)
    {
        former.AnswerJoin(new JoinResult(ErrorCode.FencedInstanceId, former.Id), now);
        former.AnswerSync(new SyncResult(ErrorCode.FencedInstanceId, null, null, []), now);
        _members.Remove(former.Id);
        var leader = Leader;
        var member = new GroupMember(NewId(request.InstanceId!), request) { Assignment = former.Assignment };
        _members.Add(member.Id, member);
        _static[request.InstanceId!] = member.Id;
        if (Leader == former.Id) Leader = member.Id;
        if (State == GroupState.Stable && former.Offers(request.Protocols))
        {
            member.Touch(now);
            // The leader that it is told is its former self where that led: so it does not assign anew.
            return Task.FromResult(Current(member) with { Leader = leader!, Members = [] });
        }
        var answer = member.WaitForJoin(request);
        Rebalance(now, "a static member came back");
        return answer;
    }

    private ErrorCode Find(string memberId, string? instanceId, out GroupMember? member)
    {
        member = null;
        if (instanceId is not null)
        {
            if (!_static.TryGetValue(instanceId, out var current)) return ErrorCode.UnknownMemberId;
            if (current != memberId) return ErrorCode.FencedInstanceId;
        }
        return _members.TryGetValue(memberId, out member) ? ErrorCode.None : ErrorCode.UnknownMemberId;
    }

    /// <summary>Begins with who it is, for people who look at groups.</summary>
    private static string NewId(string name) => $"{name[..Math.Min(name.Length, MemberNameCharsMax)]}-{Guid.NewGuid()}";

    private static Task<JoinResult> Refuse(string memberId, ErrorCode error) =>
        Task.FromResult(new JoinResult(error, memberId));

    private static Task<SyncResult> RefuseSync(ErrorCode error) =>
        Task.FromResult(new SyncResult(error, null, null, []));
}
