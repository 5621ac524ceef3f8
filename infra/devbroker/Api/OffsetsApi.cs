using StreamSettlement.DevBroker.Net;
using StreamSettlement.DevBroker.Storage;
using StreamSettlement.DevBroker.Topics;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.DevBroker.Api;

/// <summary>ListOffsets and OffsetForLeaderEpoch.</summary>
internal sealed class OffsetsApi(TopicCatalogue topics, BrokerTelemetry telemetry)
{
    private const long Latest = -1;
    private const long Earliest = -2;
    private const long MaxTimestamp = -3;

    public void ListOffsets(Request request, ResponseWriter response)
    {
        var version = request.Version;
        var reader = request.Reader();
        reader.Int32();
        if (version >= 2) reader.Int8();
        if (version >= 2) response.Int32(0);
        var topicCount = reader.ArrayLength();
        response.Array(Math.Max(0, topicCount));
        for (; topicCount > 0; topicCount--)
        {
            var name = reader.String();
            var topic = topics.Find(name);
            var partitionCount = reader.ArrayLength();
            response.String(name);
            response.Array(Math.Max(0, partitionCount));
            for (; partitionCount > 0; partitionCount--)
            {
                var index = reader.Int32();
                var epoch = version >= 4 ? reader.Int32() : -1;
                var timestamp = reader.Int64();
                reader.Tags();
                var (error, found) = Find(name, index, topic?.Partition(index), epoch, timestamp);
                response.Int32(index);
                response.Error(error);
                response.Int64(found.Timestamp);
                response.Int64(found.Offset);
                if (version >= 4) response.Int32(found.Offset < 0 ? -1 : PartitionLog.LeaderEpoch);
                response.Tags();
            }
            reader.Tags();
            response.Tags();
        }
        response.Tags();
    }

    public void OffsetForLeaderEpoch(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        if (request.Version >= 3) reader.Int32();
        response.Int32(0);
        var topicCount = reader.ArrayLength();
        response.Array(Math.Max(0, topicCount));
        for (; topicCount > 0; topicCount--)
        {
            var name = reader.String();
            var topic = topics.Find(name);
            var partitionCount = reader.ArrayLength();
            response.String(name);
            response.Array(Math.Max(0, partitionCount));
            for (; partitionCount > 0; partitionCount--)
            {
                var index = reader.Int32();
                var current = reader.Int32();
                var asked = reader.Int32();
                reader.Tags();
                var log = topic?.Partition(index);
                var error = Refusal(log, current);
                // The only epoch there ever was lasts to the end of the log.
                var known = error == ErrorCode.None && asked == PartitionLog.LeaderEpoch;
                response.Error(error);
                response.Int32(index);
                response.Int32(known ? PartitionLog.LeaderEpoch : -1);
                response.Int64(known ? log!.EndOffset : -1);
                response.Tags();
            }
            reader.Tags();
            response.Tags();
        }
        response.Tags();
    }

    private (ErrorCode Error, TimePosition Found) Find(string topic, int index, PartitionLog? log, int epoch, long timestamp)
    {
        var none = new TimePosition(-1, -1);
        if (Refusal(log, epoch) is var refusal and not ErrorCode.None) return (refusal, none);
        try
        {
            return timestamp switch
            {
                Latest => (ErrorCode.None, new TimePosition(log!.EndOffset, -1)),
                Earliest => (ErrorCode.None, new TimePosition(log!.StartOffset, -1)),
                MaxTimestamp => (ErrorCode.None, log!.FindMaxTime()),
                < 0 => (ErrorCode.InvalidRequest, none),
                _ => (ErrorCode.None, log!.FindTime(timestamp)),
            };
        }
        catch (IOException failure)
        {
            telemetry.StorageFailed(topic, index, "read", failure);
            return (ErrorCode.StorageError, none);
        }
    }

    private static ErrorCode Refusal(PartitionLog? log, int leaderEpoch) =>
        log is null ? ErrorCode.UnknownTopicOrPartition
        : leaderEpoch > PartitionLog.LeaderEpoch ? ErrorCode.UnknownLeaderEpoch
        : ErrorCode.None;
}
