using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.Ingest.Sink;

/// <summary>
/// Port to Kafka: data topics, cursors and events. Every call throws <see cref="LogUnavailableException"/> when the broker did not
/// acknowledge; then <see cref="OpenAsync"/> is called again and reading goes on from the stored cursor.
/// </summary>
internal interface ILog
{
    /// <summary>Creates missing topics and reads the cursor topic whole.</summary>
    Task<CursorRecords> OpenAsync(CancellationToken cancel);

    /// <summary>Gives up whatever is not acknowledged; nothing is sent from now on. Harmless when not open.</summary>
    void Close();

    /// <summary>Hands a page's rows over and gives its memory back.</summary>
    /// <returns>Completes once the rows are handed over, with a task that completes when every one of them is acknowledged.</returns>
    ValueTask<Task> PublishAsync(SourceStream stream, Page page, int sourceEpoch, CancellationToken cancel);

    /// <summary>Writes a marker to every partition of its stream; acknowledged when it returns.</summary>
    Task PublishMarkerAsync(SourceStream stream, DayMarker marker, CancellationToken cancel);

    /// <summary>Writes a record of the cursor topic; acknowledged when it returns.</summary>
    Task SaveAsync<T>(string key, T record, CancellationToken cancel);

    /// <summary>Tells whoever watches; returns when it is acknowledged. An event is a hint: one that can't be sent is logged, nothing else comes of it.</summary>
    Task AnnounceAsync(ControlEvent happened, CancellationToken cancel);
}

/// <summary>Kafka did not acknowledge; nothing may be assumed about what was being written.</summary>
internal sealed class LogUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
