using StreamSettlement.DevBroker.Storage;
using StreamSettlement.DevBroker.Wire;

namespace StreamSettlement.IntegrationTests.Broker;

/// <summary>A record batch with one small record, made by hand.</summary>
internal static class RawBatch
{
    public static byte[] Of(long producer = -1, short epoch = -1, int sequence = -1)
    {
        byte[] record = [0, 0, 0, 2, (byte)'k', 2, (byte)'v', 0];
        using var signed = new ResponseWriter();
        signed.Int16(0);
        signed.Int32(0);
        signed.Int64(1_000);
        signed.Int64(1_000);
        signed.Int64(producer);
        signed.Int16(epoch);
        signed.Int32(sequence);
        signed.Int32(1);
        signed.Int8((sbyte)(record.Length * 2));
        foreach (var part in record) signed.Int8((sbyte)part);
        using var batch = new ResponseWriter();
        batch.Int64(0);
        batch.Int32(9 + signed.Length);
        batch.Int32(-1);
        batch.Int8(2);
        batch.Int32(unchecked((int)Crc32C.Compute(signed.Written.Span)));
        return [.. batch.Written.Span, .. signed.Written.Span];
    }

    /// <summary>A produce request of any version: one batch for partition 0 of the topic <c>t</c>, with acks of all.</summary>
    public static void Produce(ResponseWriter ask, byte[] batch)
    {
        ask.String(null);
        ask.Int16(-1);
        ask.Int32(1000);
        ask.Array(1);
        ask.String("t");
        ask.Array(1);
        ask.Int32(0);
        ask.Bytes(batch);
        ask.Tags();
        ask.Tags();
        ask.Tags();
    }
}
