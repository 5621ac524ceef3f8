using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using StreamSettlement.Contracts;

namespace StreamSettlement.Cli.Commands;

/// <summary>Options and arguments that check their own values, so that a wrong one is a usage error.</summary>
internal static class Options
{
    public static Option<int> Number(string name, string description, int defaultValue, int least, int most = int.MaxValue) =>
        new(name) { Description = description, DefaultValueFactory = _ => defaultValue, CustomParser = result => ParseNumber(result, name, least, most) ?? 0 };

    /// <summary>Without a default.</summary>
    public static Option<int?> OptionalNumber(string name, string description, int least, int most = int.MaxValue) =>
        new(name) { Description = description, CustomParser = result => ParseNumber(result, name, least, most) };

    public static Option<BusinessDay?> Day(string description) => DayOption("--day", description);

    public static Option<BusinessDay?> Date(string description) => DayOption("--date", description);

    public static Argument<BusinessDay?> DayArgument() => new("day")
    {
        Description = "The business day, yyyy-MM-dd.",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result => ParseDay(result, "day"),
    };

    /// <summary>One or more addresses, separated by commas.</summary>
    public static Option<string?> Addresses(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "HOST:PORT",
        CustomParser = result =>
        {
            var text = result.Tokens.Single().Value;
            if (text.Split(',').All(IsAddress)) return text;
            result.AddError($"{name} is '{text}': expected HOST:PORT such as localhost:9092, or several separated by commas.");
            return null;
        },
    };

    /// <summary>A file that is written at the end of a run: whether it can be is looked at before.</summary>
    public static Option<FileInfo?> Output(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "FILE",
        CustomParser = result =>
        {
            var text = result.Tokens.Single().Value;
            if (text.Length > 0 && !Directory.Exists(text) && new FileInfo(text) is { Directory.Exists: true } file) return file;
            result.AddError($"{name} is '{text}': expected a file in a directory that exists.");
            return null;
        },
    };

    public static Option<string> Reason() => new("--reason")
    {
        Description = "Why; written down with the decision, for whoever asks years later.",
        Required = true,
        CustomParser = result =>
        {
            var text = result.Tokens.Single().Value.Trim();
            if (text.Length == 0) result.AddError("--reason is empty: expected a text.");
            return text;
        },
    };

    /// <summary>
    /// The value, for a validator of the command: those run before the options' own, and the library throws where a value is wrong by
    /// itself.
    /// </summary>
    /// <returns>False where it is wrong by itself, which the option's own complaint says.</returns>
    public static bool TryGet<T>(CommandResult result, Option<T> option, out T? value)
    {
        try
        {
            value = result.GetValue(option);
            return true;
        }
        catch (InvalidOperationException)
        {
            value = default;
            return false;
        }
    }

    public static Option<string> TopicPrefix() => new("--topic-prefix")
    {
        Description = "Before every topic, group and client id: for a Kafka that others use too. Keep it from the first start on.",
        HelpName = "PREFIX",
        DefaultValueFactory = _ => "",
        CustomParser = result =>
        {
            var text = result.Tokens.Single().Value;
            if (!Topics.IsPrefix(text)) result.AddError($"--topic-prefix is '{text}': {Topics.PrefixExpected}.");
            return text;
        },
    };

    private static bool IsAddress(string text)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0 && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0;
    }

    /// <summary>Whether the option stands on the command line, not only its default.</summary>
    public static bool Given(CommandResult result, Option option) => result.GetResult(option) is { Implicit: false };

    private static Option<BusinessDay?> DayOption(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "yyyy-MM-dd",
        CustomParser = result => ParseDay(result, name),
    };

    private static int? ParseNumber(ArgumentResult result, string name, int least, int most)
    {
        var text = result.Tokens.Single().Value;
        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most) return value;
        result.AddError(most == int.MaxValue ? $"{name} is '{text}': expected a number, {least} or more." : $"{name} is '{text}': expected a number, {least} to {most}.");
        return null;
    }

    private static BusinessDay? ParseDay(ArgumentResult result, string name)
    {
        var text = result.Tokens.Single().Value;
        if (BusinessDay.TryParse(text, out var day)) return day;
        result.AddError($"{name} is '{text}': expected a date as yyyy-MM-dd.");
        return null;
    }
}
