using System.CommandLine;
using System.CommandLine.Parsing;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Generator;

namespace StreamSettlement.Cli.Commands;

/// <summary>What demo, generate and bench say about the rows.</summary>
internal sealed class GeneratorOptions
{
    // The platform's zone by default, Asia/Seoul: no daylight saving time since 1988.
    private static readonly TimeSpan BusinessOffset = TimeSpan.FromHours(9);

    private readonly Option<int> logs = Options.Number("--logs", "View logs.", 1_000_000, 0);
    private readonly Option<int> ads = Options.Number("--ads", "Ad views.", 500_000, 0);
    private readonly Option<int> contents = Options.Number("--contents", "Contents that are watched.", 20_000, 1, 50_000_000);
    private readonly Option<int> creators = Options.Number("--creators", "Creators that own them.", 2_000, 1, 10_000_000);
    private readonly Option<long> seed = new("--seed") { Description = "The same seed gives the same rows.", DefaultValueFactory = _ => 1 };
    private readonly Option<BusinessDay?> day;

    /// <param name="dayDescription">Says also what the default is.</param>
    public GeneratorOptions(Command command, string dayDescription)
    {
        day = Options.Day(dayDescription);
        command.Options.Add(logs);
        command.Options.Add(ads);
        command.Options.Add(contents);
        command.Options.Add(creators);
        command.Options.Add(seed);
        command.Options.Add(day);
    }

    public static BusinessDay Today(TimeProvider time) => new(DateOnly.FromDateTime(time.GetUtcNow().ToOffset(BusinessOffset).DateTime));

    /// <summary>Rows of the larger table, as far as it can be told while the command line is still being looked at.</summary>
    public long Most(CommandResult result) => Math.Max(
        Options.TryGet(result, logs, out var viewLogs) ? viewLogs : 0, Options.TryGet(result, ads, out var adViews) ? adViews : 0);

    /// <returns>Null where no day is named, or what is named is no day.</returns>
    public BusinessDay? Day(CommandResult result) => Options.TryGet(result, day, out var named) ? named : null;

    public GeneratorSettings Read(ParseResult parsed, BusinessDay defaultDay) => new()
    {
        Logs = parsed.GetValue(logs),
        Ads = parsed.GetValue(ads),
        Contents = parsed.GetValue(contents),
        Creators = parsed.GetValue(creators),
        Seed = parsed.GetValue(seed),
        Day = parsed.GetValue(day) ?? defaultDay,
    };
}
