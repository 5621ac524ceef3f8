namespace StreamSettlement.DevBroker.Storage;

/// <summary>Replaces small files as a whole: after a crash there is the old content or the new, never half of one.</summary>
internal static class AtomicFile
{
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var draft = path + ".draft";
        using (var file = File.OpenHandle(draft, FileMode.Create, FileAccess.Write))
        {
            DiskFile.Write(file, content, 0);
            RandomAccess.FlushToDisk(file);
        }
        File.Move(draft, path, overwrite: true);
    }
}
