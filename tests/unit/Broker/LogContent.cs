using System.Text;
using StreamSettlement.DevBroker.Storage;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.UnitTests.Broker;

/// <summary>Reads a log as a consumer does: batch by batch from the last offset on.</summary>
internal static class LogContent
{
    public static byte[] Bytes(ReadResult read)
    {
        Assert.Equal(ErrorCode.None, read.Error);
        var bytes = new byte[read.Slice.Length];
        if (bytes.Length > 0) Assert.Equal(bytes.Length, RandomAccess.Read(read.Slice.File!, bytes, read.Slice.Position));
        return bytes;
    }

    public static List<(RecordBatch Batch, byte[] Bytes)> Batches(PartitionLog log)
    {
        var found = new List<(RecordBatch, byte[])>();
        for (var offset = log.StartOffset; offset < log.EndOffset;)
        {
            var content = Bytes(log.Read(offset, 3_000, firstAlways: true));
            // Only an end that no record has any more gives nothing: a reader would wait there forever.
            Assert.NotEmpty(content);
            while (content.Length > 0)
            {
                var batch = RecordBatch.Parse(content);
                Assert.True(RecordBatch.IsIntact(content.AsSpan(0, batch.Size)));
                found.Add((batch, content[..batch.Size]));
                offset = batch.LastOffset + 1;
                content = content[batch.Size..];
            }
        }
        return found;
    }

    public static List<long> BaseOffsets(PartitionLog log) => Batches(log).ConvertAll(each => each.Batch.BaseOffset);

    /// <summary>The records, each as "offset key".</summary>
    public static List<string> Keys(PartitionLog log) =>
        [.. Batches(log).SelectMany(each => RecordSet.Read(each.Bytes, each.Batch) is { } set
            ? set.Records.Where(record => record.Offset >= log.StartOffset)
                .Select(record => $"{record.Offset} {(record.Key is { } key ? Encoding.ASCII.GetString(set[key]) : "-")}")
            : [$"{each.Batch.BaseOffset} ?"])];
}
