using System.Text.Json;
using System.Text.Json.Serialization;

namespace StreamSettlement.Contracts;

/// <summary>What an operator, the API or settlement may ask for through <c>settlement.commands.v1</c>.</summary>
public enum CommandKind
{
    /// <summary>Ends a business day: its cutoff is fixed, everything below it is published, markers follow.</summary>
    EndDay,

    /// <summary>Publishes a day's rows again and marks the day with its next attempt.</summary>
    RepairDay,

    /// <summary>Has the record of dead letter <see cref="ControlCommand.Letter"/> delivered again; the aggregator carries it out.</summary>
    RedriveDeadLetter,

    /// <summary>Decides for good that dead letter <see cref="ControlCommand.Letter"/> is not counted; the aggregator carries it out.</summary>
    DiscardDeadLetter,

    /// <summary>Publishes row <see cref="ControlCommand.Row"/> of <see cref="ControlCommand.Stream"/> afresh from the source.</summary>
    PublishRow,
}

/// <summary>
/// A command as it stands in <c>settlement.commands.v1</c>: <c>{"kind":"EndDay","day":"2026-11-21","by":"alice"}</c>. Doing it twice
/// is harmless.
/// </summary>
/// <param name="Day">The business day it is about; of a dead letter without one, the UTC date on which it was recorded.</param>
/// <param name="By">Who asked: a person's name, or the service's.</param>
/// <param name="Letter">Id of a dead letter, as in <c>rollup.dead_letter</c>; with the commands about dead letters only.</param>
/// <param name="Stream">With <see cref="CommandKind.PublishRow"/> only.</param>
/// <param name="Row">Id of a row in the source; with <see cref="CommandKind.PublishRow"/> only.</param>
public sealed record ControlCommand(
    CommandKind Kind, BusinessDay Day, string By, string? Reason = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Letter = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] SourceStream? Stream = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Row = null);

/// <summary>What happened, for whoever watches <c>settlement.events.v1</c>; a lost or doubled one changes nothing.</summary>
public enum EventKind
{
    /// <summary>Ingest wrote a marker of one stream to every partition.</summary>
    DayMarked,

    /// <summary>A command could not be carried out; <see cref="ControlEvent.Detail"/> says why.</summary>
    CommandRefused,

    /// <summary>The aggregator sealed markers; settlement looks at its tables.</summary>
    DaySealed,

    /// <summary>Sums over partitions equal the totals of the source.</summary>
    DayBalanced,

    /// <summary>Settlement asked for a repair: the sums differ.</summary>
    DayOutOfBalance,

    /// <summary>The day's payouts are in the books.</summary>
    DayPosted,

    /// <summary>A dead letter's record is delivered again.</summary>
    DeadLetterRedriven,

    /// <summary>A dead letter was decided: its record is not counted.</summary>
    DeadLetterDiscarded,

    /// <summary>A row was published afresh from the source.</summary>
    RowPublished,
}

/// <summary>An event as it stands in <c>settlement.events.v1</c>; the key is the business date.</summary>
public sealed record ControlEvent(EventKind Kind, BusinessDay Day, string Source, string? Detail = null);

/// <summary>The JSON form of control messages and cursors: camelCase names, enums by name, unknown names ignored.</summary>
public static class ControlJson
{
    public static readonly JsonSerializerOptions Options = Create();

    public static byte[] Serialize<T>(T message) => JsonSerializer.SerializeToUtf8Bytes(message, Options);

    /// <exception cref="JsonException">Not a <typeparamref name="T"/>; the message says what is wrong with which part.</exception>
    public static T Deserialize<T>(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize<T>(json, Options) ?? throw new JsonException("expected an object, found null");

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web) { RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };
        options.Converters.Add(new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false));
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
