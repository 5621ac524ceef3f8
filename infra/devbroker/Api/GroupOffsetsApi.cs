using StreamSettlement.DevBroker.Groups;
using StreamSettlement.DevBroker.Net;
using StreamSettlement.DevBroker.Topics;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.DevBroker.Api;

/// <summary>OffsetCommit, OffsetFetch, OffsetDelete.</summary>
internal sealed class GroupOffsetsApi(GroupCoordinator groups, TopicCatalogue topics)
{
    public void Commit(Request request, ResponseWriter response)
    {
        var version = request.Version;
        var reader = request.Reader();
        var groupId = reader.String();
        var generation = reader.Int32();
        var memberId = reader.String();
        var instanceId = version >= 7 ? reader.NullableString() : null;
        if (version <= 4) reader.Int64();
        var refusal = groups.MayCommit(groupId, memberId, instanceId, generation);

        var asked = new List<(string Topic, List<(int Partition, ErrorCode Error)> Partitions)>();
        var accepted = new List<CommittedOffset>();
        for (var topicsLeft = reader.Count(); topicsLeft > 0; topicsLeft--)
        {
            var topic = reader.String();
            var partitions = new List<(int, ErrorCode)>();
            for (var left = reader.Count(); left > 0; left--)
            {
                var index = reader.Int32();
                var offset = reader.Int64();
                var epoch = version >= 6 ? reader.Int32() : -1;
                var metadata = reader.NullableString() ?? "";
                reader.Tags();
                var error = refusal != ErrorCode.None ? refusal
                    : topics.Partition(topic, index) is null ? ErrorCode.UnknownTopicOrPartition
                    : !GroupCoordinator.IsMetadataLegal(metadata) ? ErrorCode.OffsetMetadataTooLarge
                    : ErrorCode.None;
                partitions.Add((index, error));
                if (error == ErrorCode.None)
                    accepted.Add(new CommittedOffset(groupId, topic, index, offset, epoch, metadata));
            }
            reader.Tags();
            asked.Add((topic, partitions));
        }
        var stored = groups.Store(groupId, accepted);

        if (version >= 3) response.Int32(0);
        response.Array(asked.Count);
        foreach (var (topic, partitions) in asked)
        {
            response.String(topic);
            response.Array(partitions.Count);
            foreach (var (index, error) in partitions)
            {
                response.Int32(index);
                response.Error(error == ErrorCode.None ? stored : error);
                response.Tags();
            }
            response.Tags();
        }
        response.Tags();
    }

    public void Fetch(Request request, ResponseWriter response)
    {
        var version = request.Version;
        var reader = request.Reader();
        if (version >= 3) response.Int32(0);
        if (version < 8)
        {
            WriteOffsets(response, version, reader.String(), ReadPartitions(ref reader));
            if (version >= 2) response.Error(ErrorCode.None);
        }
        else
        {
            var count = reader.Count();
            response.Array(count);
            for (; count > 0; count--)
            {
                var groupId = reader.String();
                if (version >= 9)
                {
                    reader.NullableString();
                    reader.Int32();
                }
                response.String(groupId);
                WriteOffsets(response, version, groupId, ReadPartitions(ref reader));
                reader.Tags();
                response.Error(ErrorCode.None);
                response.Tags();
            }
        }
        response.Tags();
    }

    public void Delete(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var groupId = reader.String();
        var refusal = groups.MayDeleteOffsets(groupId);
        response.Error(refusal);
        response.Int32(0);
        if (refusal != ErrorCode.None)
        {
            response.Array(0);
            return;
        }
        TopicPartitions.Answer(ref reader, response, (string topic, ref RequestReader partition) =>
        {
            var index = partition.Int32();
            response.Int32(index);
            response.Error(topics.Partition(topic, index) is null
                ? ErrorCode.UnknownTopicOrPartition
                : groups.DeleteOffset(groupId, topic, index));
        });
    }

    /// <returns>The partitions asked for; null means all that have an offset.</returns>
    private static List<(string Topic, int Partition)>? ReadPartitions(ref RequestReader reader)
    {
        var topicCount = reader.ArrayLength();
        if (topicCount < 0) return null;
        var asked = new List<(string, int)>();
        for (; topicCount > 0; topicCount--)
        {
            var topic = reader.String();
            for (var left = reader.Count(); left > 0; left--) asked.Add((topic, reader.Int32()));
            reader.Tags();
        }
        return asked;
    }

    private void WriteOffsets(
        ResponseWriter response, short version, string groupId, List<(string Topic, int Partition)>? asked)
    {
        asked ??= [.. groups.Offsets.All(groupId).Select(offset => (offset.Topic, offset.Partition))];
        var byTopic = asked.GroupBy(each => each.Topic).ToList();
        response.Array(byTopic.Count);
        foreach (var topic in byTopic)
        {
            response.String(topic.Key);
            response.Array(topic.Count());
            foreach (var (_, index) in topic)
            {
                var known = groups.Offsets.Find(groupId, topic.Key, index);
                response.Int32(index);
                response.Int64(known?.Offset ?? -1);
                if (version >= 5) response.Int32(known?.LeaderEpoch ?? -1);
                response.String(known?.Metadata ?? "");
                response.Error(ErrorCode.None);
                response.Tags();
            }
            response.Tags();
        }
    }
}
