using StreamSettlement.DevBroker.Net;
using StreamSettlement.DevBroker.Storage;
using StreamSettlement.DevBroker.Topics;
using StreamSettlement.DevBroker.Wire;

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
            Write(request, response, fetch with { Items = [] }, [], ErrorCode.FetchSessionIdNotFound);
            return;
        }
        var found = Find(fetch);
        var deadline = time.GetTimestamp() + fetch.WaitMs * (time.TimestampFrequency / 1000);
        while (!IsEnough(fetch, found) && time.GetElapsedTime(time.GetTimestamp(), deadline) is { Ticks: > 0 } left)
        {
            var waiter = new FetchWaiter();
            foreach (var item in fetch.Items) item.Log?.AddWaiter(waiter);
            // What came between the look and the registration has signalled nobody.
            found = Find(fetch);
            var appended = !IsEnough(fetch, found) && await waiter.Wait(left, time, request.Stop);
            foreach (var item in fetch.Items) item.Log?.RemoveWaiter(waiter);
            if (appended) found = Find(fetch);
            if (request.Stop.IsCancellationRequested) break;
        }
        Write(request, response, fetch, found, ErrorCode.None);
    }

    private FetchRequest Read(Request request)
    {
        var version = request.Version;
        var reader = request.Reader();
        if (version <= 14) reader.Int32();
        var waitMs = Math.Clamp(reader.Int32(), 0, WaitMsMax);
        var minBytes = reader.Int32();
        var maxBytes = reader.Int32();
        // More than fits would never be reached.
        minBytes = Math.Min(minBytes, maxBytes);
        reader.Int8();
        var sessionId = version >= 7 ? reader.Int32() : 0;
        if (version >= 7) reader.Int32();
        var items = new List<FetchItem>();
        for (var left = reader.Count(); left > 0; left--)
        {
            var id = version >= 13 ? reader.Uuid() : Guid.Empty;
            var name = version >= 13 ? "" : reader.String();
            var topic = version >= 13 ? topics.Find(id) : topics.Find(name);
            for (var partitions = reader.Count(); partitions > 0; partitions--)
            {
                var index = reader.Int32();
                var epoch = version >= 9 ? reader.Int32() : -1;
                var offset = reader.Int64();
                if (version >= 12) reader.Int32();
                if (version >= 5) reader.Int64();
                var partitionMaxBytes = reader.Int32();
                reader.Tags();
                items.Add(new FetchItem(topic?.Name ?? name, id, index, epoch, offset, partitionMaxBytes, topic?.Partition(index)));
            }
            reader.Tags();
        }
        return new FetchRequest(waitMs, minBytes, maxBytes, sessionId, items);
    }

    private ReadResult[] Find(FetchRequest fetch)
    {
        var results = new ReadResult[fetch.Items.Count];
        long bytesLeft = fetch.MaxBytes;
        var any = false;
        for (var i = 0; i < results.Length; i++)
        {
            var item = fetch.Items[i];
            // Only the first batch of the whole answer may be over the limits: a large batch must not block a consumer.
            results[i] = Find(item, (int)Math.Clamp(Math.Min(item.MaxBytes, bytesLeft), 0, int.MaxValue), !any);
            any |= results[i].Slice.Length > 0;
            bytesLeft -= results[i].Slice.Length;
        }
        return results;
    }

    private ReadResult Find(FetchItem item, int bytesMax, bool firstAlways)
    {
        if (item.Log is null)
            return new ReadResult(
                item.Name.Length == 0 ? ErrorCode.UnknownTopicId : ErrorCode.UnknownTopicOrPartition, LogSlice.Empty);
        if (item.LeaderEpoch > PartitionLog.LeaderEpoch)
            return new ReadResult(ErrorCode.UnknownLeaderEpoch, LogSlice.Empty);
        try
        {
            return item.Log.Read(item.Offset, bytesMax, firstAlways);
        }
        catch (IOException failure)
        {
            telemetry.StorageFailed(item.Name, item.Partition, "read", failure);
            return new ReadResult(ErrorCode.StorageError, LogSlice.Empty);
        }
    }

    private static bool IsEnough(FetchRequest fetch, ReadResult[] found)
    {
        if (found.Length == 0) return true;
        long bytes = 0;
        foreach (var result in found)
        {
            if (result.Error != ErrorCode.None) return true;
            bytes += result.Slice.Length;
        }
        return bytes >= fetch.MinBytes;
    }

    private static void Write(
        Request request, ResponseWriter response, FetchRequest fetch, ReadResult[] found, ErrorCode error)
    {
        var version = request.Version;
        response.Int32(0);
        if (version >= 7)
        {
            response.Error(error);
            response.Int32(0);
        }
        var runs = TopicRuns(fetch.Items);
        response.Array(runs.Count);
        foreach (var (first, count) in runs)
        {
            if (version >= 13) response.Uuid(fetch.Items[first].TopicId);
            else response.String(fetch.Items[first].Name);
            response.Array(count);
            for (var i = first; i < first + count; i++) WritePartition(response, version, fetch.Items[i], found[i]);
            response.Tags();
        }
        response.Tags();
    }

    private static void WritePartition(ResponseWriter response, short version, FetchItem item, in ReadResult result)
    {
        var end = item.Log?.EndOffset ?? -1;
        response.Int32(item.Partition);
        response.Error(result.Error);
        response.Int64(end);
        response.Int64(end);
        if (version >= 5) response.Int64(item.Log?.StartOffset ?? -1);
        // Aborted transactions: none.
        response.Array(0);
        if (version >= 11) response.Int32(-1);
        response.Records(result.Slice);
        response.Tags();
    }

    /// <summary>Neighbouring items of the same topic, as the answer groups them.</summary>
    private static List<(int First, int Count)> TopicRuns(List<FetchItem> items)
    {
        var runs = new List<(int First, int Count)>();
        for (var i = 0; i < items.Count; i++)
        {
            if (runs.Count > 0 && items[runs[^1].First] is var first && first.TopicId == items[i].TopicId && first.Name == items[i].Name)
                runs[^1] = (runs[^1].First, runs[^1].Count + 1);
            else runs.Add((i, 1));
        }
        return runs;
    }

    private sealed record FetchRequest(int WaitMs, int MinBytes, int MaxBytes, int SessionId, List<FetchItem> Items);

    private sealed record FetchItem(
        string Name, Guid TopicId, int Partition, int LeaderEpoch, long Offset, int MaxBytes, PartitionLog? Log);
}
