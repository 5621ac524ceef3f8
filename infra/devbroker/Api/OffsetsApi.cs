namespace StreamSettlement.DevBroker.Api;

/// <summary>ListOffsets, OffsetForLeaderEpoch and DeleteRecords.</summary>
internal sealed class OffsetsApi(TopicCatalogue topics, BrokerTelemetry telemetry)
{
    private const long Latest = -1;
    private const long Earliest = -2;
    private const long MaxTimestamp = -3;

    public void ListOffsets(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        reader.Int32();
        reader.Int8(since: 2);
        response.Int32(0, since: 2);
        TopicPartitions.Answer(ref reader, response, (topic, ref partition) =>
        {
            var (index, epoch) = (partition.Int32(), partition.Int32(since: 4, otherwise: -1));
            var (error, found) = Find(topic, index, epoch, timestamp: partition.Int64());
            response.Int32(index).Error(error).Int64(found.Timestamp).Int64(found.Offset)
                .Int32(found.Offset < 0 ? -1 : PartitionLog.LeaderEpoch, since: 4);
        });
        response.Tags();
    }

    public void OffsetForLeaderEpoch(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        reader.Int32(since: 3);
        response.Int32(0);
        TopicPartitions.Answer(ref reader, response, (topic, ref partition) =>
        {
            var (index, current, asked) = (partition.Int32(), partition.Int32(), partition.Int32());
            var log = topics.Partition(topic, index);
            var error = Refusal(log, current);
            // The only epoch there ever was lasts to the end of the log.
            var known = error == ErrorCode.None && asked == PartitionLog.LeaderEpoch;
            response.Error(error).Int32(index).Int32(known ? PartitionLog.LeaderEpoch : -1).Int64(known ? log!.EndOffset : -1);
        });
        response.Tags();
    }

    public void DeleteRecords(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        response.Int32(0);
        TopicPartitions.Answer(ref reader, response, (topic, ref partition) =>
        {
            var index = partition.Int32();
            var (error, start) = DeleteRecords(topic, index, before: partition.Int64());
            response.Int32(index).Int64(start).Error(error);
        });
        response.Tags();
    }

    private (ErrorCode Error, long StartOffset) DeleteRecords(string topic, int index, long before) =>
        topics.Partition(topic, index) is not { } log ? (ErrorCode.UnknownTopicOrPartition, -1)
        : telemetry.Guard(topic, index, "written",
            () => log.DeleteRecords(before) is var error && error == ErrorCode.None ? (error, log.StartOffset) : (error, -1),
            _ => (ErrorCode.StorageError, -1));

    private (ErrorCode Error, TimePosition Found) Find(string topic, int index, int epoch, long timestamp)
    {
        var none = new TimePosition(-1, -1);
        var log = topics.Partition(topic, index);
        return Refusal(log, epoch) is var refusal and not ErrorCode.None ? (refusal, none)
            : telemetry.Guard(topic, index, "read", () => timestamp switch
            {
                Latest => (ErrorCode.None, new TimePosition(log!.EndOffset, -1)),
                Earliest => (ErrorCode.None, new TimePosition(log!.StartOffset, -1)),
                MaxTimestamp => (ErrorCode.None, log!.FindMaxTime()),
                < 0 => (ErrorCode.InvalidRequest, none),
                _ => (ErrorCode.None, log!.FindTime(timestamp)),
            }, _ => (ErrorCode.StorageError, none));
    }

    private static ErrorCode Refusal(PartitionLog? log, int leaderEpoch) =>
        log is null ? ErrorCode.UnknownTopicOrPartition
        : leaderEpoch > PartitionLog.LeaderEpoch ? ErrorCode.UnknownLeaderEpoch
        : ErrorCode.None;
}
