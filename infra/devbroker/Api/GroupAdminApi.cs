using StreamSettlement.DevBroker.Groups;
using StreamSettlement.DevBroker.Net;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.DevBroker.Api;

/// <summary>ListGroups, DescribeGroups, DeleteGroups.</summary>
internal sealed class GroupAdminApi(GroupCoordinator groups)
{
    public void List(Request request, ResponseWriter response)
    {
        var version = request.Version;
        var reader = request.Reader();
        var states = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        if (version >= 4)
            for (var left = reader.Count(); left > 0; left--) states.Add(reader.String());
        if (version >= 1) response.Int32(0);
        response.Error(ErrorCode.None);
        var listed = groups.List().Where(group => states.Count == 0 || states.Contains(group.State)).ToList();
        response.Array(listed.Count);
        foreach (var group in listed)
        {
            response.String(group.Id);
            response.String(group.ProtocolType);
            if (version >= 4) response.String(group.State);
            response.Tags();
        }
        response.Tags();
    }

    public void Describe(Request request, ResponseWriter response)
    {
        var version = request.Version;
        var reader = request.Reader();
        if (version >= 1) response.Int32(0);
        var count = reader.Count();
        response.Array(count);
        for (; count > 0; count--)
        {
            var group = groups.Describe(reader.String());
            response.Error(ErrorCode.None);
            response.String(group.Id);
            response.String(group.State);
            response.String(group.ProtocolType);
            response.String(group.Protocol);
            response.Array(group.Members.Count);
            foreach (var member in group.Members)
            {
                response.String(member.Id);
                if (version >= 4) response.String(member.InstanceId);
                response.String(member.ClientId);
                response.String(member.ClientHost);
                response.Bytes(member.Metadata);
                response.Bytes(member.Assignment);
                response.Tags();
            }
            if (version >= 3) response.Int32(MetadataApi.OperationsUnknown);
            response.Tags();
        }
        response.Tags();
    }

    public void Delete(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        response.Int32(0);
        var count = reader.Count();
        response.Array(count);
        for (; count > 0; count--)
        {
            var groupId = reader.String();
            response.String(groupId);
            response.Error(groups.Delete(groupId));
            response.Tags();
        }
        response.Tags();
    }
}
