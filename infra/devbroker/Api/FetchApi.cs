namespace StreamSettlement.DevBroker.Api;

/// <summary>Fetch: waits until there is enough to send, or for as long as the client allows.</summary>
internal sealed class FetchApi(TopicCatalogue topics, TimeProvider time, BrokerTelemetry telemetry)
{
    /// <summary>Longest wait that is granted: a client that is gone is noticed when it is answered.</summary>
    private const int WaitMsMax = 60_000;

    public async ValueTask Fetch(Request request, ResponseWriter response)
    {
        var fetch = Read(request);
        if (fetch.SessionId != 0)
        {
            // No fetch sessions are kept: the client goes on with full requests, as it does after a broker's restart.
            response.Int32(0).Error(ErrorCode.FetchSessionIdNotFound).Int32(0).Array(0).Tags();
            return;
        }
        var deadline = time.GetTimestamp() + fetch.WaitMs * (time.TimestampFrequency / 1000);
        while (!Find(fetch) && !request.Stop.IsCancellationRequested
            && time.GetElapsedTime(time.GetTimestamp(), deadline) is { Ticks: > 0 } left)
        {
            var waiter = new FetchWaiter();
            foreach (var item in fetch.Items) item.Log?.AddWaiter(waiter);
            // What came between the look and the registration has signalled nobody.
            if (!Find(fetch)) await waiter.Wait(left, time, request.Stop);
            foreach (var item in fetch.Items) item.Log?.RemoveWaiter(waiter);
        }
        response.Int32(0).Error(ErrorCode.None, since: 7).Int32(0, since: 7)
            .List(fetch.Topics, topic => response
                .Uuid(topic.Id, since: 13).String(topic.Name, until: 12)
                .List(topic.Items, item => Write(response, item)))
            .Tags();
    }

    private FetchRequest Read(Request request)
    {
        var reader = request.Reader();
        if (request.Version <= 14) reader.Int32();
        var waitMs = Math.Clamp(reader.Int32(), 0, WaitMsMax);
        var (minBytes, maxBytes) = (reader.Int32(), reader.Int32());
        reader.Int8();
        var sessionId = reader.Int32(since: 7);
        reader.Int32(since: 7);
        var asked = reader.List((ref each) =>
        {
            var id = each.Uuid(since: 13);
            var name = request.Version >= 13 ? "" : each.String();
            var topic = request.Version >= 13 ? topics.Find(id) : topics.Find(name);
            return new FetchTopic(id, name, each.List((ref partition) => ReadItem(ref partition, topic, topic?.Name ?? name)));
        });
        // More than fits would never be reached.
        return new FetchRequest(waitMs, Math.Min(minBytes, maxBytes), maxBytes, sessionId, asked, [.. asked.SelectMany(topic => topic.Items)]);
    }

    private static FetchItem ReadItem(ref RequestReader reader, Topic? topic, string name)
    {
        var index = reader.Int32();
        var epoch = reader.Int32(since: 9, otherwise: -1);
        var offset = reader.Int64();
        reader.Int32(since: 12);
        reader.Int64(since: 5);
        return new FetchItem(name, index, epoch, offset, MaxBytes: reader.Int32(), topic?.Partition(index));
    }

    /// <summary>Looks for what can be sent now.</summary>
    /// <returns>Whether that is enough: as much as is asked for, or anything to be told at once.</returns>
    private bool Find(FetchRequest fetch)
    {
        long bytes = 0;
        var anyError = fetch.Items.Length == 0;
        foreach (var item in fetch.Items)
        {
            // Only the first batch of the whole answer may be over the limits: a large batch must not block a consumer.
            item.Found = Find(item, (int)Math.Clamp(Math.Min(item.MaxBytes, fetch.MaxBytes - bytes), 0, int.MaxValue), firstAlways: bytes == 0);
            anyError |= item.Found.Error != ErrorCode.None;
            bytes += item.Found.Slice.Length;
        }
        return anyError || bytes >= fetch.MinBytes;
    }

    private ReadResult Find(FetchItem item, int bytesMax, bool firstAlways)
    {
        if (item.Log is null)
            return new ReadResult(item.Name.Length == 0 ? ErrorCode.UnknownTopicId : ErrorCode.UnknownTopicOrPartition, LogSlice.Empty);
        if (item.LeaderEpoch > PartitionLog.LeaderEpoch) return new ReadResult(ErrorCode.UnknownLeaderEpoch, LogSlice.Empty);
        return telemetry.Guard(item.Name, item.Partition, "read",
            () => item.Log.Read(item.Offset, bytesMax, firstAlways), _ => new ReadResult(ErrorCode.StorageError, LogSlice.Empty));
    }

    /// <summary>The end of the log twice, since nothing is transactional; no aborted transactions, no other node to read from.</summary>
    private static void Write(ResponseWriter response, FetchItem item)
    {
        var end = item.Log?.EndOffset ?? -1;
        response.Int32(item.Partition).Error(item.Found.Error).Int64(end).Int64(end)
            .Int64(item.Log?.StartOffset ?? -1, since: 5).Array(0).Int32(-1, since: 11).Records(item.Found.Slice);
    }

    private sealed record FetchRequest(
        int WaitMs, int MinBytes, int MaxBytes, int SessionId, List<FetchTopic> Topics, FetchItem[] Items);

    private sealed record FetchTopic(Guid Id, string Name, List<FetchItem> Items);

    private sealed record FetchItem(string Name, int Partition, int LeaderEpoch, long Offset, int MaxBytes, PartitionLog? Log)
    {
        public ReadResult Found { get; set; }
    }
}
