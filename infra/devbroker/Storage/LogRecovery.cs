namespace StreamSettlement.DevBroker.Storage;

/// <summary>Opens a partition after a stop of any kind.</summary>
internal static class LogRecovery
{
    /// <summary>
    /// Sealed segments are taken as their time index vouches for them; the last is read through, its torn tail cut off,
    /// its indexes rebuilt, and the producers' sequences brought up to its end.
    /// </summary>
    public static (Segment[] Segments, ProducerTable Producers, long StartOffset, long EndOffset) Open(
        string directory, long now, BrokerTelemetry telemetry)
    {
        Directory.CreateDirectory(directory);
        if (Directory.Exists(DraftsPath(directory))) Directory.Delete(DraftsPath(directory), recursive: true);
        var bases = Directory.GetFiles(directory, "*.log")
            .Select(path => long.Parse(Path.GetFileNameWithoutExtension(path), CultureInfo.InvariantCulture))
            .Order().ToArray();
        if (bases.Length == 0) bases = [0];
        var segments = Array.ConvertAll(bases, baseOffset => new Segment(directory, baseOffset));
        foreach (var segment in segments[..^1])
            if (!segment.OpenSealed())
                Rebuild(segment);

        var last = segments[^1];
        var producers = ProducerTable.Load(ProducersPath(directory, last.BaseOffset));
        var end = last.BaseOffset;
        var torn = last.Recover(batch =>
        {
            producers.Record(batch, now);
            end = batch.LastOffset + 1;
        });
        last.CutTail();
        if (torn > 0) telemetry.TornTail(last.LogPath, torn, end);
        var start = File.Exists(StartPath(directory)) ? BitConverter.ToInt64(File.ReadAllBytes(StartPath(directory))) : 0;
        // What was deleted may have been all there was, and a power cut may have taken the end.
        return (segments, producers, Math.Clamp(start, segments[0].BaseOffset, end), end);
    }

    /// <summary>Where the log begins since records were deleted by request.</summary>
    public static string StartPath(string directory) => Path.Combine(directory, "start");

    /// <summary>Compacted segments that are not in their place yet.</summary>
    public static string DraftsPath(string directory) => Path.Combine(directory, "compacting");

    /// <summary>The producers as they were when the segment that begins at <paramref name="baseOffset"/> was begun.</summary>
    public static string ProducersPath(string directory, long baseOffset) =>
        Segment.PathOf(directory, baseOffset, "producers.json");

    private static void Rebuild(Segment segment)
    {
        var damaged = segment.Recover(_ => { });
        if (damaged > 0)
            throw new IOException(
                $"{segment.LogPath} is damaged at {segment.Length} and is not the last segment: records are lost. "
                + "Delete the topic's directories, or start with an empty --data directory.");
        segment.Seal();
    }
}
