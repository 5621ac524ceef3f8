namespace StreamSettlement.Contracts;

/// <summary>The two streams of the source. Each has one table, one topic and one dead-letter topic.</summary>
public enum SourceStream
{
    ViewLogs = 0,
    AdViews = 1,
}

public static class SourceStreams
{
    public static readonly IReadOnlyList<SourceStream> All = [SourceStream.ViewLogs, SourceStream.AdViews];

    /// <summary>The stream's name wherever it is written down: <c>view-logs</c>, <c>ad-views</c>.</summary>
    public static string Name(this SourceStream stream) => stream == SourceStream.ViewLogs ? "view-logs" : "ad-views";

    public static bool TryParse(string? name, out SourceStream stream)
    {
        stream = name == "ad-views" ? SourceStream.AdViews : SourceStream.ViewLogs;
        return name is "view-logs" or "ad-views";
    }
}
