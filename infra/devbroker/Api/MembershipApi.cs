using StreamSettlement.DevBroker.Groups;
using StreamSettlement.DevBroker.Net;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.DevBroker.Api;

/// <summary>JoinGroup, SyncGroup, Heartbeat, LeaveGroup.</summary>
internal sealed class MembershipApi(GroupCoordinator groups)
{
    public async ValueTask Join(Request request, ResponseWriter response)
    {
        var version = request.Version;
        var (groupId, join) = ReadJoin(request);
        var result = await groups.Join(groupId, join).WaitAsync(request.Stop);
        if (version >= 2) response.Int32(0);
        response.Error(result.Error);
        response.Int32(result.Generation);
        if (version >= 7) response.String(result.ProtocolType);
        response.String(result.Protocol ?? (version >= 7 ? null : ""));
        response.String(result.Leader);
        response.String(result.MemberId);
        var members = result.Members ?? [];
        response.Array(members.Count);
        foreach (var member in members)
        {
            response.String(member.MemberId);
            if (version >= 5) response.String(member.InstanceId);
            response.Bytes(member.Metadata);
            response.Tags();
        }
        response.Tags();
    }

    public async ValueTask Sync(Request request, ResponseWriter response)
    {
        var (groupId, sync) = ReadSync(request);
        var result = await groups.Sync(groupId, sync).WaitAsync(request.Stop);
        if (request.Version >= 1) response.Int32(0);
        response.Error(result.Error);
        if (request.Version >= 5)
        {
            response.String(result.ProtocolType);
            response.String(result.Protocol);
        }
        response.Bytes(result.Assignment);
        response.Tags();
    }

    public void Heartbeat(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var groupId = reader.String();
        var generation = reader.Int32();
        var memberId = reader.String();
        var instanceId = request.Version >= 3 ? reader.NullableString() : null;
        if (request.Version >= 1) response.Int32(0);
        response.Error(groups.Heartbeat(groupId, memberId, instanceId, generation));
        response.Tags();
    }

    public void Leave(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var groupId = reader.String();
        if (request.Version >= 1) response.Int32(0);
        if (request.Version < 3)
        {
            response.Error(groups.Leave(groupId, reader.String(), null));
            return;
        }
        response.Error(groupId.Length == 0 ? ErrorCode.InvalidGroupId : ErrorCode.None);
        var count = reader.Count();
        response.Array(count);
        for (; count > 0; count--)
        {
            var memberId = reader.String();
            var instanceId = reader.NullableString();
            reader.Tags();
            response.String(memberId);
            response.String(instanceId);
            response.Error(groups.Leave(groupId, memberId, instanceId));
            response.Tags();
        }
        response.Tags();
    }

    private static (string GroupId, JoinRequest Join) ReadJoin(Request request)
    {
        var version = request.Version;
        var reader = request.Reader();
        var groupId = reader.String();
        var sessionTimeout = reader.Int32();
        var rebalanceTimeout = version >= 1 ? reader.Int32() : sessionTimeout;
        var memberId = reader.String();
        var instanceId = version >= 5 ? reader.NullableString() : null;
        var protocolType = reader.String();
        var protocols = new List<GroupProtocol>();
        for (var left = reader.Count(); left > 0; left--)
        {
            protocols.Add(new GroupProtocol(reader.String(), reader.Bytes()));
            reader.Tags();
        }
        return (groupId, new JoinRequest(
            memberId, instanceId, request.ClientId, "/" + request.Peer, sessionTimeout, Math.Max(0, rebalanceTimeout),
            protocolType, protocols, KnownIdRequired: version >= 4));
    }

    private static (string GroupId, SyncRequest Sync) ReadSync(Request request)
    {
        var version = request.Version;
        var reader = request.Reader();
        var groupId = reader.String();
        var generation = reader.Int32();
        var memberId = reader.String();
        var instanceId = version >= 3 ? reader.NullableString() : null;
        var protocolType = version >= 5 ? reader.NullableString() : null;
        var protocol = version >= 5 ? reader.NullableString() : null;
        var assignments = new Dictionary<string, byte[]>();
        for (var left = reader.Count(); left > 0; left--)
        {
            assignments[reader.String()] = reader.Bytes();
            reader.Tags();
        }
        return (groupId, new SyncRequest(memberId, instanceId, generation, protocolType, protocol, assignments));
    }
}
