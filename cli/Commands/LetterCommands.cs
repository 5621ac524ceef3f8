using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using StreamSettlement.Cli.Api;
using StreamSettlement.Contracts;

namespace StreamSettlement.Cli.Commands;

/// <summary>Records that could not be counted: shown, delivered again, or decided, through the API alone.</summary>
internal static class LetterCommands
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);
    private static readonly JsonSerializerOptions Indented = new(ControlJson.Options) { WriteIndented = true };

    public static Command List(Terminal terminal, TimeProvider time)
    {
        var date = Options.Date("Only what concerns this day: its own letters and those of no known day.");
        var state = new Option<string>("--state") { Description = "open, redriven, discarded or all.", DefaultValueFactory = _ => "open" };
        state.AcceptOnlyFromAmong("open", "redriven", "discarded", "all");
        var json = new Option<bool>("--json") { Description = "As a JSON array." };
        var command = new Command("dead-letters", "Show the records that could not be counted; an open one blocks its day.") { date, state, json };
        command.SetAction(async (parsed, token) =>
        {
            using var api = SettlementApi.FromEnvironment(LocalStates.Running, time);
            var letters = await api.LettersAsync(parsed.GetValue(date), parsed.GetRequiredValue(state), token);
            if (parsed.GetValue(json)) terminal.Line(JsonSerializer.Serialize(letters, Indented));
            else foreach (var letter in letters) terminal.Line(Describe(letter));
            return ExitCodes.Done;
        });
        return command;
    }

    public static Command Redrive(Terminal terminal, TimeProvider time)
    {
        var ids = new Argument<long[]>("id") { Description = "Ids of dead letters, as dead-letters shows them.", Arity = ArgumentArity.ZeroOrMore };
        var date = Options.Date("Every open letter that concerns this day.");
        var patience = Options.Number("--timeout", "Seconds to wait until they are redriven.", 60, 1);
        var command = new Command("redrive", "Have records delivered again: rows afresh from the source, other records as they were. Without ids: all open ones.") { ids, date, patience };
        command.Validators.Add(result =>
        {
            if (result.GetResult(ids) is { Tokens.Count: > 0 } && result.GetResult(date) is not null) result.AddError("redrive takes ids or --date, not both.");
        });
        command.SetAction(async (parsed, token) =>
        {
            using var api = SettlementApi.FromEnvironment(LocalStates.Running, time);
            var asked = parsed.GetValue(ids) is { Length: > 0 } named
                ? await RedriveAsync(terminal, api, named, token)
                : await RedriveAllAsync(terminal, api, parsed.GetValue(date), token);
            return await AwaitDecidedAsync(terminal, api, asked, TimeSpan.FromSeconds(parsed.GetValue(patience)), time, token);
        });
        return command;
    }

    /// <summary>One that cannot be redriven any more keeps none of the others from it.</summary>
    /// <returns>The same ids, for <see cref="AwaitDecidedAsync"/>.</returns>
    public static async Task<IReadOnlyList<long>> RedriveAsync(Terminal terminal, SettlementApi api, IReadOnlyList<long> ids, CancellationToken token)
    {
        foreach (var id in ids)
            if (await api.TryRedriveAsync(id, token) is { } refusal) await terminal.Error.WriteLineAsync(refusal);
        return ids;
    }

    /// <returns>The ids of those that were open before.</returns>
    public static async Task<IReadOnlyList<long>> RedriveAllAsync(Terminal terminal, SettlementApi api, BusinessDay? day, CancellationToken token)
    {
        var open = await api.LettersAsync(day, "open", token);
        if (open.Count == 0) terminal.Line("no open dead letters");
        else await api.RedriveAllAsync(day, token);
        return [.. open.Select(letter => letter.Id)];
    }

    public static Command Discard(Terminal terminal, TimeProvider time)
    {
        var id = new Argument<long>("id") { Description = "Id of a dead letter, as dead-letters shows it." };
        var reason = Options.Reason();
        var patience = Options.Number("--timeout", "Seconds to wait until it is discarded.", 60, 1);
        var command = new Command("discard", "Decide, in the name of SETTLEMENT_TOKEN, that a record is not counted.") { id, reason, patience };
        command.SetAction(async (parsed, token) =>
        {
            using var api = SettlementApi.FromEnvironment(LocalStates.Running, time);
            await api.DiscardAsync(parsed.GetValue(id), parsed.GetRequiredValue(reason), token);
            return await AwaitDecidedAsync(terminal, api, [parsed.GetValue(id)], TimeSpan.FromSeconds(parsed.GetValue(patience)), time, token);
        });
        return command;
    }

    /// <summary>The aggregator decides: its state is the outcome.</summary>
    /// <returns>Done when every letter has been decided about, whoever did it.</returns>
    public static async Task<int> AwaitDecidedAsync(
        Terminal terminal, SettlementApi api, IReadOnlyList<long> ids, TimeSpan patience, TimeProvider time, CancellationToken token)
    {
        var start = time.GetTimestamp();
        var undecided = 0;
        foreach (var id in ids)
        {
            LetterView? letter;
            while ((letter = await api.LetterAsync(id, token)) is { State: "open" } && time.GetElapsedTime(start) <= patience) await Task.Delay(Poll, time, token);
            if (letter is null)
            {
                undecided++; // said when it was asked for
            }
            else if (letter.State == "open")
            {
                undecided++;
                await terminal.Error.WriteLineAsync($"dead letter {id} is still open after {patience.TotalSeconds:0} s: is an aggregator running?");
            }
            else
            {
                terminal.Line(Describe(letter));
            }
        }
        return undecided == 0 ? ExitCodes.Done : ExitCodes.Refused;
    }

    private static string Describe(LetterView letter) => string.Create(CultureInfo.InvariantCulture,
        $"{letter.Id,6}  {letter.Day?.ToString() ?? "no day",-10}  {letter.Stream}/{letter.Partition}@{letter.Offset}  {(letter.RowId is { } row ? $"row {row}  " : "")}{letter.Reason}: {letter.Detail}")
        + (letter.DecidedBy is null ? "" : $"  {letter.State} by {letter.DecidedBy}: {letter.DecidedReason}");
}
