namespace StreamSettlement.DevBroker.Api;

/// <summary>ListGroups, DescribeGroups, DeleteGroups.</summary>
internal sealed class GroupAdminApi(GroupCoordinator groups)
{
    public void List(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var states = request.Version >= 4 ? reader.Values((ref state) => state.String()) : [];
        var listed = groups.List().Where(group => states.Count == 0 || states.Contains(group.State, StringComparer.OrdinalIgnoreCase));
        response.Int32(0, since: 1).Error(ErrorCode.None)
            .List([.. listed], group => response.String(group.Id).String(group.ProtocolType).String(group.State, since: 4))
            .Tags();
    }

    public void Describe(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var wanted = reader.Values((ref id) => id.String());
        response.Int32(0, since: 1)
            .List(wanted.ConvertAll(groups.Describe), group => response
                .Error(ErrorCode.None).String(group.Id).String(group.State).String(group.ProtocolType).String(group.Protocol)
                .List(group.Members, member => response
                    .String(member.Id).String(member.InstanceId, since: 4).String(member.ClientId).String(member.ClientHost)
                    .Bytes(member.Metadata).Bytes(member.Assignment))
                .Int32(MetadataApi.OperationsUnknown, since: 3))
            .Tags();
    }

    public void Delete(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var wanted = reader.Values((ref id) => id.String());
        response.Int32(0).List(wanted, id => response.String(id).Error(groups.Delete(id))).Tags();
    }
}
