using System.Text.Json.Serialization;
using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest.Core;

/// <summary>
/// A stream's record in <c>ingest-cursors.v1</c>: every row at or before (<see cref="UpdatedAt"/>, <see cref="Id"/>) has been acknowledged.
/// </summary>
/// <param name="UpdatedAt">Microseconds since 1970-01-01T00:00:00Z.</param>
/// <param name="Server">Identity of the source, as <c>ISource.LookAtServerAsync</c> describes it.</param>
/// <param name="HighestId">Highest id ever published from this server and epoch.</param>
/// <param name="Epoch">The source epoch that was in force.</param>
/// <param name="Since">Business day of the very first start; no earlier day is ended by schedule.</param>
internal sealed record StreamCursor(long UpdatedAt, long Id, string Server, long HighestId, int Epoch, BusinessDay Since)
{
    [JsonIgnore]
    public SourcePosition Position => new(new SourceTime(UpdatedAt), Id);

    /// <returns>A cursor before the first row.</returns>
    public static StreamCursor First(SourceServer server, int epoch, BusinessDay since) =>
        new(SourcePosition.Beginning.UpdatedAt.Micros, SourcePosition.Beginning.Id, server.Identity, 0, epoch, since);
}

/// <summary>What the source is at this moment.</summary>
/// <param name="Identity">Stays the same over restarts and differs between servers.</param>
/// <param name="HighestIds">Highest id in each stream's table; 0 where it is empty.</param>
internal sealed record SourceServer(string Identity, IReadOnlyDictionary<SourceStream, long> HighestIds);

/// <summary>Whether the source is still the one that the cursor was taken from.</summary>
internal static class SourceGuard
{
    /// <returns>Null where the stream may go on; otherwise why it must not and what the operator does.</returns>
    public static string? Refusal(SourceStream stream, StreamCursor? cursor, SourceServer server, int epoch)
    {
        if (cursor is null || cursor.Epoch < epoch) return null;
        if (cursor.Epoch > epoch)
            return $"{stream.Name()}: Ingest:SourceEpoch is {epoch}, but rows were published with {cursor.Epoch}; "
                + $"set it to {cursor.Epoch}, or higher after a restore";
        if (cursor.Server != server.Identity)
            return $"{stream.Name()}: the source is '{server.Identity}', the cursor was taken from '{cursor.Server}'; after a failover or "
                + $"restore raise Ingest:SourceEpoch to {epoch + 1}, otherwise point Ingest:MySql at the former server";
        if (server.HighestIds[stream] < cursor.HighestId)
            return $"{stream.Name()}: the source's highest id is {server.HighestIds[stream]}, but {cursor.HighestId} was published: "
                + $"it was restored to an older state; raise Ingest:SourceEpoch to {epoch + 1} if that was on purpose";
        return null;
    }
}
