using Confluent.Kafka;
using MassTransit;
using Npgsql;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Aggregator.Sink;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;

namespace StreamSettlement.Aggregator;

/// <summary>
/// Carries out what was decided about dead letters. It shares nothing with the loop: a decision is a state in PostgreSQL, which every seal
/// and every chunk reads, whoever owns the partition. A command that is delivered twice changes nothing more.
/// </summary>
internal sealed class LetterDesk(IRollupStore store, ILog log, AggregatorTelemetry telemetry)
{
    /// <summary>When this returns the decision survives a crash, or it was said why it is refused.</summary>
    public async Task HandleAsync(ControlCommand command, CancellationToken cancel)
    {
        if (command.Kind is not (CommandKind.RedriveDeadLetter or CommandKind.DiscardDeadLetter)) return;
        try
        {
            await CarryOutAsync(command, cancel);
        }
        catch (Exception fault) when (NeverMends(fault))
        {
            // Read again and again it would keep every command behind it from being carried out.
            await RefuseAsync(command, $"it can't be carried out: {fault.Message}", cancel);
        }
    }

    /// <summary>Whether a server has understood what it was asked and will not do it, however often it is asked.</summary>
    private static bool NeverMends(Exception fault) =>
        (fault is PostgresException && !Transient.Postgres(fault)) || (fault is KafkaException { Error.IsFatal: false } && !Transient.Kafka(fault));

    private async Task CarryOutAsync(ControlCommand command, CancellationToken cancel)
    {
        var letter = command.Letter is { } id ? await store.FindLetterAsync(id, cancel) : null;
        var decision = LetterDecision.Of(command, letter);
        switch (decision.Step)
        {
            case LetterStep.PublishRow:
                // First the state: what ingest publishes may be poison again, and then it is a new open letter.
                await store.RedriveAsync(letter!.Id, command.By, ReasonOf(command), cancel);
                await log.SendAsync(
                    new ControlCommand(CommandKind.PublishRow, command.Day, command.By, $"dead letter {letter.Id}", Stream: decision.Row!.Stream, Row: decision.Row.Id), cancel);
                await TellAsync(command, EventKind.DeadLetterRedriven, $"dead letter {letter.Id}: {decision.Row.Stream.Name()} row {decision.Row.Id} is published afresh", cancel);
                break;
            case LetterStep.Resend:
                // First the bytes: a letter that says redriven, and never was, would lose them.
                await log.ResendAsync(letter!, cancel);
                await store.RedriveAsync(letter!.Id, command.By, ReasonOf(command), cancel);
                await TellAsync(command, EventKind.DeadLetterRedriven, $"dead letter {letter.Id}: its bytes were sent to {letter.At} again", cancel);
                break;
            case LetterStep.Discard when await store.DiscardAsync(letter!.Id, decision.Row, command.By, command.Reason!, cancel):
                await TellAsync(command, EventKind.DeadLetterDiscarded, $"dead letter {letter.Id}: {command.Reason}", cancel);
                break;
            case LetterStep.Discard:
                await RefuseAsync(command, $"dead letter {letter!.Id} was decided a moment ago", cancel);
                break;
            case LetterStep.Refuse:
                await RefuseAsync(command, decision.Refusal!, cancel);
                break;
        }
    }

    private static string ReasonOf(ControlCommand command) => string.IsNullOrWhiteSpace(command.Reason) ? "redriven" : command.Reason;

    private Task RefuseAsync(ControlCommand command, string refusal, CancellationToken cancel)
    {
        telemetry.CommandRefused(command.Kind, command.By, refusal);
        return log.AnnounceAsync(new ControlEvent(EventKind.CommandRefused, command.Day, "aggregator", $"{command.Kind}: {refusal}"), cancel);
    }

    private Task TellAsync(ControlCommand command, EventKind kind, string detail, CancellationToken cancel)
    {
        telemetry.Decided(command.Kind, command.By, detail);
        return log.AnnounceAsync(new ControlEvent(kind, command.Day, "aggregator", detail), cancel);
    }
}

/// <summary>Awaits the decision's effect: only then the command's offset is stored.</summary>
internal sealed class LetterConsumer(LetterDesk desk) : MassTransit.IConsumer<ControlCommand>
{
    public Task Consume(ConsumeContext<ControlCommand> context) => desk.HandleAsync(context.Message, context.CancellationToken);
}
