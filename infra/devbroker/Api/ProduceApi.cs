namespace StreamSettlement.DevBroker.Api;

/// <summary>Produce and InitProducerId.</summary>
internal sealed class ProduceApi(TopicCatalogue topics, DataDirectory data, BrokerTelemetry telemetry)
{
    private const string NoTransactions = "transactions are not supported by this broker";

    public void Produce(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var transactional = reader.NullableString() is not null;
        var acks = reader.Int16();
        reader.Int32();
        var anyError = false;
        TopicPartitions.Answer(ref reader, response, (topic, ref partition) =>
        {
            var index = partition.Int32();
            var (start, length) = partition.Extent();
            var log = topics.Partition(topic, index);
            var result = transactional
                ? new AppendResult(ErrorCode.TransactionalIdAuthorizationFailed, -1, NoTransactions)
                : acks is < -1 or > 1
                    ? new AppendResult(ErrorCode.InvalidRequiredAcks, -1, $"acks={acks}: expected -1, 0 or 1")
                    : Append(request, topic, index, log, request.Body.Slice(start, length));
            anyError |= result.Error != ErrorCode.None;
            // No time of appending, since timestamps are the producer's.
            response.Int32(index).Error(result.Error).Int64(result.BaseOffset).Int64(-1)
                .Int64(log?.StartOffset ?? -1, since: 5).Array(0, since: 8).Reason(result.Reason, since: 8);
        });
        response.Int32(0).Tags();
        // Without an answer the only way to tell of an error is to close the connection.
        if (acks == 0) response.Outcome = anyError ? Outcome.Close : Outcome.Silent;
    }

    public void InitProducerId(Request request, ResponseWriter response)
    {
        var reader = request.Reader();
        var transactional = reader.NullableString() is not null;
        var (error, id) = transactional ? (ErrorCode.TransactionalIdAuthorizationFailed, -1) : NewProducerId();
        response.Int32(0).Error(error).Int64(id).Int16(error == ErrorCode.None ? (short)0 : (short)-1).Tags();
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

    private AppendResult Append(Request request, string topic, int index, PartitionLog? partition, Memory<byte> batch)
    {
        if (partition is null) return new AppendResult(ErrorCode.UnknownTopicOrPartition, -1, $"{topic}-{index} does not exist");
        return telemetry.Guard(topic, index, "written", () =>
        {
            var result = partition.Append(batch.Span);
            if (result.Error != ErrorCode.None) telemetry.BatchRefused(topic, index, $"{request.ClientId} at {request.Peer}", result.Reason!);
            return result;
        }, reason => new AppendResult(ErrorCode.StorageError, -1, reason));
    }
}
