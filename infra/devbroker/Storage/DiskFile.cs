namespace StreamSettlement.DevBroker.Storage;

/// <summary>Writes that tell in one way that the disk takes no more, and small files that are replaced as a whole.</summary>
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

    /// <summary>Replaces a file: after a crash there is the old content or the new, never half of one.</summary>
    /// <returns>The new file, to go on with.</returns>
    public static SafeFileHandle Replace(string path, ReadOnlySpan<byte> content)
    {
        var draft = path + ".draft";
        var file = File.OpenHandle(draft, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite);
        try
        {
            Write(file, content, 0);
            RandomAccess.FlushToDisk(file);
            File.Move(draft, path, overwrite: true);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
