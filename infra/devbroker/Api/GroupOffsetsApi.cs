namespace StreamSettlement.DevBroker.Api;

/// <summary>OffsetCommit, OffsetFetch, OffsetDelete.</summary>
internal sealed class GroupOffsetsApi(GroupCoordinator groups, TopicCatalogue topics)
{
    public void Commit(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var (groupId, generation, memberId) = (reader.String(), reader.Int32(), reader.String());
        var refusal = groups.MayCommit(groupId, memberId, reader.NullableString(since: 7), generation);
        if (request.Version <= 4) reader.Int64();
        var asked = reader.List((ref each) =>
        {
            var topic = each.String();
            return (Name: topic, Partitions: each.List((ref partition) =>
            {
                var offset = new CommittedOffset(
                    groupId, topic, partition.Int32(), partition.Int64(), partition.Int32(since: 6, otherwise: -1), partition.NullableString() ?? "");
                return (Offset: offset, Error: refusal != ErrorCode.None ? refusal : Refusal(offset));
            }));
        });
        var accepted = asked.SelectMany(topic => topic.Partitions).Where(each => each.Error == ErrorCode.None);
        var stored = groups.Store(groupId, [.. accepted.Select(each => each.Offset)]);

        response.Int32(0, since: 3)
            .List(asked, topic => response.String(topic.Name)
                .List(topic.Partitions, each => response
                    .Int32(each.Offset.Partition).Error(each.Error == ErrorCode.None ? stored : each.Error)))
            .Tags();
    }

    public void Fetch(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        response.Int32(0, since: 3);
        if (request.Version < 8)
            WriteOffsets(response, reader.String(), ReadTopics(ref reader)).Error(ErrorCode.None, since: 2);
        else
        {
            var asked = reader.List((ref group) =>
            {
                var id = group.String();
                group.NullableString(since: 9);
                group.Int32(since: 9);
                return (Id: id, Topics: ReadTopics(ref group));
            });
            response.List(asked, group => WriteOffsets(response.String(group.Id), group.Id, group.Topics).Error(ErrorCode.None));
        }
        response.Tags();
    }

    public void Delete(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var groupId = reader.String();
        var refusal = groups.MayDeleteOffsets(groupId);
        response.Error(refusal).Int32(0);
        if (refusal != ErrorCode.None)
        {
            response.Array(0);
            return;
        }
        TopicPartitions.Answer(ref reader, response, (topic, ref partition) =>
        {
            var index = partition.Int32();
            response.Int32(index).Error(topics.Partition(topic, index) is null
                ? ErrorCode.UnknownTopicOrPartition
                : groups.DeleteOffset(groupId, topic, index));
        });
    }

    private ErrorCode Refusal(CommittedOffset offset) =>
        topics.Partition(offset.Topic, offset.Partition) is null ? ErrorCode.UnknownTopicOrPartition
        : !GroupCoordinator.IsMetadataLegal(offset.Metadata) ? ErrorCode.OffsetMetadataTooLarge
        : ErrorCode.None;

    /// <returns>The partitions asked for; null means all that have an offset.</returns>
    private static List<(string Name, List<int> Partitions)>? ReadTopics(ref RequestReader reader) =>
        reader.NullableList((ref topic) => (topic.String(), topic.Values((ref partition) => partition.Int32())));

    private ResponseWriter WriteOffsets(ResponseWriter response, string groupId, List<(string Name, List<int> Partitions)>? asked)
    {
        asked ??= [.. groups.Offsets.All(groupId).GroupBy(offset => offset.Topic, offset => offset.Partition).Select(topic => (topic.Key, topic.ToList()))];
        return response.List(asked, topic => response.String(topic.Name).List(topic.Partitions, index =>
        {
            var known = groups.Offsets.Find(groupId, topic.Name, index);
            response.Int32(index).Int64(known?.Offset ?? -1).Int32(known?.LeaderEpoch ?? -1, since: 5)
                .String(known?.Metadata ?? "").Error(ErrorCode.None);
        }));
    }
}
