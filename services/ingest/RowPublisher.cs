using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Ingest.Sink;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.Ingest;

/// <summary>
/// Publishes single rows as the source has them now, with their content's creator of now: what a dead letter that was redriven becomes.
/// Twice is harmless.
/// </summary>
internal sealed class RowPublisher(
    IReadOnlyList<StreamPump> pumps, ISourceSession source, ILog log, IngestOptions options, IngestMeters meters, IngestTelemetry telemetry)
{
    /// <summary>When this returns the row is acknowledged, or it was said why not.</summary>
    public async Task AcceptAsync(ControlCommand command, CancellationToken cancel)
    {
        var refusal = command is { Stream: { } stream, Row: { } id }
            ? await PublishAsync(stream, id, cancel)
            : "it names no stream and row";
        if (refusal is null) telemetry.RowPublished(command.Stream!.Value.Name(), command.Row!.Value, command.By);
        else telemetry.CommandRefused(command.Kind, command.Day, command.By, refusal);
        await log.AnnounceAsync(refusal is null
            ? new ControlEvent(EventKind.RowPublished, command.Day, "ingest", $"{command.Stream!.Value.Name()} row {command.Row}")
            : new ControlEvent(EventKind.CommandRefused, command.Day, "ingest", $"{command.Kind}: {refusal}"), cancel);
    }

    private async Task<string?> PublishAsync(SourceStream stream, long id, CancellationToken cancel)
    {
        Page page;
        try
        {
            page = await source.ReadRowAsync(stream, id, cancel);
        }
        catch (SourceRefusedException unreadable)
        {
            return unreadable.Message;
        }
        if (RefusalOf(stream, id, page.Rows, pumps.Single(pump => pump.Stream == stream).Position) is { } refusal)
        {
            page.Dispose();
            return refusal;
        }
        await (await log.PublishAsync(stream, page, options.SourceEpoch, cancel)).WaitAsync(cancel);
        meters.Repaired(stream, 1);
        return null;
    }

    private static string? RefusalOf(SourceStream stream, long id, ReadOnlySpan<SourceRow> rows, SourcePosition reached)
    {
        if (rows.IsEmpty) return $"{stream.Name()} row {id} is not in the source any more";
        ref readonly var row = ref rows[0];
        // At or above the cursor it would overtake a marker that is still to come.
        if (row.Position > reached) return $"{stream.Name()} row {id} was changed at {row.UpdatedAt}, which the stream has not reached: it is published by itself";
        return stream == SourceStream.ViewLogs && row.Status != SourceRow.Completed
            ? $"{stream.Name()} row {id} is not COMPLETED in the source: it is published by itself when it is"
            : null;
    }
}
