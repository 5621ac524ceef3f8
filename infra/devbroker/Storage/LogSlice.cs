namespace StreamSettlement.DevBroker.Storage;

/// <summary>An extent of a segment file: whole record batches, to be sent as they are.</summary>
internal readonly record struct LogSlice(SafeFileHandle? File, long Position, int Length)
{
    public static LogSlice Empty => default;
}
