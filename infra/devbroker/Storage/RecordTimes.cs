namespace StreamSettlement.DevBroker.Storage;

/// <summary>Finds a record by its time inside a batch.</summary>
internal static class RecordTimes
{
    /// <summary>The start of the batch that holds the record: reading from there misses nothing.</summary>
    public static TimePosition FirstAtOrAfter(in RecordBatch batch) => new(batch.BaseOffset, batch.BaseTimestamp);
}
