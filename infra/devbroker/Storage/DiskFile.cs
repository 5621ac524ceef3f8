namespace StreamSettlement.DevBroker.Storage;

/// <summary>Writes that tell in one way that the disk takes no more.</summary>
internal static class DiskFile
{
    /// <exception cref="IOException">The disk is full, or a limit on the size of files is reached; some of the bytes may be
    /// there, past what the file's owner counts as its end.</exception>
    public static void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long position)
    {
        try
        {
            RandomAccess.Write(file, bytes, position);
        }
        catch (ArgumentOutOfRangeException tooLarge)
        {
            // What .NET makes of EFBIG.
            throw new IOException("a limit on the size of files is reached (ulimit -f)", tooLarge);
        }
    }
}
