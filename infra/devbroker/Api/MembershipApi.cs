namespace StreamSettlement.DevBroker.Api;

/// <summary>JoinGroup, SyncGroup, Heartbeat, LeaveGroup.</summary>
internal sealed class MembershipApi(GroupCoordinator groups)
{
    public async ValueTask Join(Request request, ResponseWriter response)
    {
        var (groupId, join) = ReadJoin(request);
        var result = await groups.Join(groupId, join).WaitAsync(request.Stop);
        response.Int32(0, since: 2).Error(result.Error).Int32(result.Generation).String(result.ProtocolType, since: 7)
            .String(result.Protocol ?? (request.Version >= 7 ? null : "")).String(result.Leader).String(result.MemberId)
            .List(result.Members ?? [], member => response
                .String(member.MemberId).String(member.InstanceId, since: 5).Bytes(member.Metadata))
            .Tags();
    }

    public async ValueTask Sync(Request request, ResponseWriter response)
    {
        var (groupId, sync) = ReadSync(request);
        var result = await groups.Sync(groupId, sync).WaitAsync(request.Stop);
        response.Int32(0, since: 1).Error(result.Error).String(result.ProtocolType, since: 5).String(result.Protocol, since: 5)
            .Bytes(result.Assignment).Tags();
    }

    public void Heartbeat(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var (groupId, generation, memberId) = (reader.String(), reader.Int32(), reader.String());
        var error = groups.Heartbeat(groupId, memberId, reader.NullableString(since: 3), generation);
        response.Int32(0, since: 1).Error(error).Tags();
    }

    public void Leave(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var groupId = reader.String();
        response.Int32(0, since: 1);
        if (request.Version < 3)
        {
            response.Error(groups.Leave(groupId, reader.String(), null));
            return;
        }
        var leaving = reader.List((ref member) => (Id: member.String(), InstanceId: member.NullableString()));
        response.Error(groupId.Length == 0 ? ErrorCode.InvalidGroupId : ErrorCode.None)
            .List(leaving, member => response
                .String(member.Id).String(member.InstanceId).Error(groups.Leave(groupId, member.Id, member.InstanceId)))
            .Tags();
    }

    private static (string GroupId, JoinRequest Join) ReadJoin(Request request)
    {
        var reader = request.Reader();
        var (groupId, sessionTimeout) = (reader.String(), reader.Int32());
        var rebalanceTimeout = reader.Int32(since: 1, otherwise: sessionTimeout);
        return (groupId, new JoinRequest(
            reader.String(), reader.NullableString(since: 5), request.ClientId, "/" + request.Peer, sessionTimeout, Math.Max(0, rebalanceTimeout),
            reader.String(), reader.List((ref protocol) => new GroupProtocol(protocol.String(), protocol.Bytes())), KnownIdRequired: request.Version >= 4));
    }

    private static (string GroupId, SyncRequest Sync) ReadSync(Request request)
    {
        var reader = request.Reader();
        var (groupId, generation, memberId) = (reader.String(), reader.Int32(), reader.String());
        var instanceId = reader.NullableString(since: 3);
        var (protocolType, protocol) = (reader.NullableString(since: 5), reader.NullableString(since: 5));
        var assignments = new Dictionary<string, byte[]>();
        foreach (var (id, assignment) in reader.List((ref member) => (member.String(), member.Bytes()))) assignments[id] = assignment;
        return (groupId, new SyncRequest(memberId, instanceId, generation, protocolType, protocol, assignments));
    }
}
