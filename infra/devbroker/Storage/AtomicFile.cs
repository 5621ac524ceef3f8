namespace StreamSettlement.DevBroker.Storage;

/// <summary>Replaces small files as a whole: after a crash there is the old content or the new, never half of one.</summary>
internal static class AtomicFile
{
    public static void Write(string path, ReadOnlySpan<byte> content) => Replace(path, content).Dispose();

    /// <returns>The new file, to go on with.</returns>
    public static SafeFileHandle Replace(string path, ReadOnlySpan<byte> content)
    {
        var draft = path + ".draft";
        var file = File.OpenHandle(draft, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite);
        try
        {
            DiskFile.Write(file, content, 0);
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
