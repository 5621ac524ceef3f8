namespace StreamSettlement.DevBroker.Groups;

/// <summary>From one generation to the next.</summary>
internal sealed partial class Group
{
    /// <summary>Begins a rebalance, or goes on with the one that is under way.</summary>
    private void Rebalance(long now, string reason)
    {
        if (State != GroupState.PreparingRebalance)
        {
            foreach (var member in _members.Values)
            {
                if (State == GroupState.CompletingRebalance) member.Assignment = [];
                member.AnswerSync(new SyncResult(ErrorCode.RebalanceInProgress, null, null, []), now);
            }
            // The first member of an empty group waits a little for the others, to spare a rebalance for each.
            _joinFrom = State == GroupState.Empty ? now + initialDelayMs : now;
            _joinUntil = now + RebalanceTimeout();
            State = GroupState.PreparingRebalance;
            telemetry.GroupRebalances(Id, reason);
        }
        TryCompleteJoin(now);
    }

    private void TryCompleteJoin(long now)
    {
        if (State != GroupState.PreparingRebalance || (now < _joinFrom && _members.Count > 0)) return;
        var all = _pending.Count == 0 && _members.Values.All(member => member.Joining is not null);
        if (all || now >= _joinUntil) CompleteJoin(now);
    }

    private void CompleteJoin(long now)
    {
        foreach (var late in _members.Values.Where(member => member.Joining is null && member.InstanceId is null).ToList())
            Remove(late, "it did not join in time");
        if (_members.Count == 0)
        {
            Generation++;
            State = GroupState.Empty;
            Protocol = null;
            telemetry.GroupGeneration(Id, Generation, 0);
            return;
        }
        if (Leader is null || _members[Leader].Joining is null)
        {
            var joined = _members.Values.FirstOrDefault(member => member.Joining is not null);
            if (joined is null)
            {
                // Only static members, all of them away: they have until their sessions end.
                _joinUntil = now + RebalanceTimeout();
                return;
            }
            Leader = joined.Id;
        }
        Generation++;
        State = GroupState.CompletingRebalance;
        Protocol = Vote();
        _syncUntil = now + RebalanceTimeout();
        foreach (var member in _members.Values)
        {
            member.OwesSync = true;
            if (member.Joining is not null) member.AnswerJoin(Current(member), now);
        }
        telemetry.GroupGeneration(Id, Generation, _members.Count);
    }

    /// <summary>The protocol that most members prefer among those that all of them offer.</summary>
    private string Vote()
    {
        var common = _members.Values
            .Select(member => member.Protocols.Select(protocol => protocol.Name))
            .Aggregate((left, right) => left.Intersect(right)).ToHashSet();
        return _members.Values
            .Select(member => member.Protocols.First(protocol => common.Contains(protocol.Name)).Name)
            .GroupBy(name => name)
            .MaxBy(votes => votes.Count())!.Key;
    }

    private bool CanUse(JoinRequest request)
    {
        if (request.ProtocolType.Length == 0 || request.Protocols.Count == 0) return false;
        if (_members.Count == 0) return true;
        return request.ProtocolType == ProtocolType
            && request.Protocols.Any(offered => _members.Values.All(
                member => member.Protocols.Any(protocol => protocol.Name == offered.Name)));
    }

    private void Remove(GroupMember member, string reason)
    {
        _members.Remove(member.Id);
        if (member.InstanceId is { } instance) _static.Remove(instance);
        if (Leader == member.Id) Leader = _members.Keys.FirstOrDefault();
        // Whoever still waits for an answer learns that it is no member.
        member.Joining?.TrySetResult(new JoinResult(ErrorCode.UnknownMemberId, member.Id));
        member.Syncing?.TrySetResult(new SyncResult(ErrorCode.UnknownMemberId, null, null, []));
        telemetry.GroupMemberGone(Id, member.Id, reason);
    }

    private JoinResult Current(GroupMember member) => new(
        ErrorCode.None, member.Id, Generation, ProtocolType, Protocol, Leader!,
        member.Id == Leader
            ? [.. _members.Values.Select(each => new JoinedMember(each.Id, each.InstanceId, each.MetadataFor(Protocol!)))]
            : []);

    private SyncResult Assigned(GroupMember member) =>
        new(ErrorCode.None, ProtocolType, Protocol, member.Assignment);

    private int RebalanceTimeout() => _members.Values.Select(member => member.RebalanceTimeoutMs).DefaultIfEmpty(0).Max();
}
