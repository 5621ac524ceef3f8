using System.Data.Common;
using System.Runtime.ExceptionServices;
using System.Text.Json;
using JasperFx;
using JasperFx.Events;
using Marten;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;
using Weasel.Core;
using SessionOptions = Marten.Services.SessionOptions;

namespace StreamSettlement.Settlement.Sink;

/// <summary>A journal entry as it was appended.</summary>
/// <param name="Version">1 for the day's first event.</param>
/// <param name="Type">Name of the event's record.</param>
internal sealed record JournalEntry(int Version, string Type, JsonElement Data, DateTimeOffset HappenedAt);

/// <summary>
/// The days' journals as Marten's event streams, one per day, versions without gaps. Appended in the transaction whose doing it tells of, on its
/// connection.
/// </summary>
internal sealed class DayJournal : IDisposable
{
    public const string Schema = "settlement";

    private static readonly Type[] Events =
        [typeof(DaySealed), typeof(DayBalanced), typeof(RepairAsked), typeof(DayOutOfBalance), typeof(DayAccepted), typeof(DayPosted), typeof(DayAdjusted)];

    /// <param name="postgres">For what Marten would do on its own, which is nothing here: each session is given a transaction.</param>
    public DayJournal(NpgsqlDataSource postgres) => Store = DocumentStore.For(options =>
    {
        options.Connection(postgres);
        options.DatabaseSchemaName = Schema;
        // The schema is Schema/004_marten.sql: comparing it with the database takes half a second of every start.
        options.AutoCreateSchemaObjects = AutoCreate.None;
        options.Events.StreamIdentity = StreamIdentity.AsString;
        options.UseSystemTextJsonForSerialization(new JsonSerializerOptions(ControlJson.Options), EnumStorage.AsString, Casing.CamelCase);
        foreach (var type in Events) options.Events.MapEventType(type, type.Name);
        // What fails within a transaction has ended it: trying again would report that in place of the reason.
        options.ConfigurePolly(_ => { });
        options.ConfigureWritePolly(_ => { });
        options.DisableNpgsqlLogging = true;
    });

    public DocumentStore Store { get; }

    /// <exception cref="EventStreamUnexpectedMaxEventIdException">Another transaction appended to this day at the same time; the caller's is void.</exception>
    /// <exception cref="PostgresException">The same, where the day had no journal before.</exception>
    public async Task AppendAsync(
        NpgsqlTransaction transaction, BusinessDay day, IReadOnlyList<DayJournalEvent> events, DateTimeOffset now, CancellationToken cancel)
    {
        if (events.Count == 0) return;
        await using var session = Store.LightweightSession(SessionOptions.ForTransaction(transaction));
        foreach (var appended in session.Events.Append(day.ToString(), [.. events]).Events) appended.Timestamp = now;
        await AsNpgsqlAsync(async () =>
        {
            await session.SaveChangesAsync(cancel);
            return true;
        });
    }

    /// <returns>The day's journal, oldest first.</returns>
    public async Task<IReadOnlyList<JournalEntry>> ReadAsync(NpgsqlTransaction transaction, BusinessDay day, CancellationToken cancel)
    {
        await using var session = Store.QuerySession(SessionOptions.ForTransaction(transaction));
        var stream = await AsNpgsqlAsync(() => session.Events.FetchStreamAsync(day.ToString(), token: cancel));
        return [.. stream.Select(happened => new JournalEntry(
            checked((int)happened.Version), happened.EventTypeName,
            JsonSerializer.SerializeToElement(happened.Data, happened.EventType, ControlJson.Options), happened.Timestamp))];
    }

    public void Dispose() => Store.Dispose();

    /// <summary>Whether a fault is an outage is decided by what Npgsql threw; Marten wraps it.</summary>
    private static async Task<T> AsNpgsqlAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception wrapped) when (wrapped is not DbException && wrapped.InnerException is NpgsqlException inner)
        {
            ExceptionDispatchInfo.Throw(inner);
            throw;
        }
    }
}
