using StreamSettlement.DevBroker.Net;
using StreamSettlement.DevBroker.Storage;
using StreamSettlement.DevBroker.Topics;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.DevBroker.Api;

/// <summary>Produce and InitProducerId.</summary>
internal sealed class ProduceApi(TopicCatalogue topics, DataDirectory data, BrokerTelemetry telemetry)
{
    private const string NoTransactions = "transactions are not supported by this broker";

    public Outcome Produce(Request request, ResponseWriter response)
    {
        var version = request.Version;
        var reader = request.Reader();
        var transactional = reader.NullableString() is not null;
        var acks = reader.Int16();
        reader.Int32();
        var anyError = false;
        TopicPartitions.Answer(ref reader, response, (string topic, ref RequestReader partition) =>
        {
            var index = partition.Int32();
            var (start, length) = partition.Extent();
            var log = topics.Partition(topic, index);
            var result = transactional
                ? new AppendResult(ErrorCode.TransactionalIdAuthorizationFailed, -1, NoTransactions)
                : acks is < -1 or > 1
                    ? new AppendResult(ErrorCode.InvalidRequiredAcks, -1, $"acks={acks}: expected -1, 0 or 1")
                    : Append(request, topic, index, log, request.Body.Span.Slice(start, length));
            anyError |= result.Error != ErrorCode.None;
            WritePartition(response, version, index, result, log?.StartOffset ?? -1);
        });
        response.Int32(0);
        response.Tags();
        if (acks != 0) return Outcome.Respond;
        // Without an answer the only way to tell of an error is to close the connection.
        return anyError ? Outcome.Close : Outcome.Silent;
    }

    public void InitProducerId(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var transactional = reader.NullableString() is not null;
        response.Int32(0);
        var (error, id) = transactional ? (ErrorCode.TransactionalIdAuthorizationFailed, -1) : NewProducerId();
        response.Error(error);
        response.Int64(id);
        response.Int16(error == ErrorCode.None ? (short)0 : (short)-1);
        response.Tags();
    }

    private (ErrorCode Error, long Id) NewProducerId()
    {
        try
        {
            return (ErrorCode.None, data.NewProducerId());
        }
        catch (IOException failure)
        {
            telemetry.ProducerIdsFailed(failure);
            // The error at which every client asks again and does nothing else.
            return (ErrorCode.CoordinatorLoadInProgress, -1);
        }
    }

    private AppendResult Append(Request request, string topic, int index, PartitionLog? partition, Span<byte> batch)
    {
        if (partition is null)
            return new AppendResult(ErrorCode.UnknownTopicOrPartition, -1, $"{topic}-{index} does not exist");
        try
        {
            var result = partition.Append(batch);
            if (result.Error != ErrorCode.None)
                telemetry.BatchRefused(topic, index, $"{request.ClientId} at {request.Peer}", result.Reason!);
            return result;
        }
        catch (IOException failure)
        {
            telemetry.StorageFailed(topic, index, "written", failure);
            return new AppendResult(ErrorCode.StorageError, -1, failure.Message);
        }
    }

    private static void WritePartition(
        ResponseWriter response, short version, int index, in AppendResult result, long startOffset)
    {
        response.Int32(index);
        response.Error(result.Error);
        response.Int64(result.BaseOffset);
        // The time of appending: none, since timestamps are the producer's.
        response.Int64(-1);
        if (version >= 5) response.Int64(startOffset);
        if (version >= 8)
        {
            response.Array(0);
            response.Reason(result.Reason);
        }
    }
}
