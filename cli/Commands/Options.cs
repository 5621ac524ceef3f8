using System.CommandLine;
using StreamSettlement.Contracts;

namespace StreamSettlement.Cli.Commands;

/// <summary>Options and arguments that check their own values, so that a wrong one is a usage error.</summary>
internal static class Options
{
    public static Option<int> Number(string name, string description, int defaultValue, int least, int most = int.MaxValue)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => defaultValue };
        option.Validators.Add(result =>
        {
            // A value that is no number has been refused already.
            if (!result.Errors.Any() && result.GetValueOrDefault<int>() is var value && (value < least || value > most))
                result.AddError(most == int.MaxValue ? $"{name} is {value}: expected {least} or more." : $"{name} is {value}: expected {least} to {most}.");
        });
        return option;
    }

    public static Option<BusinessDay?> Day(string description) => new("--day")
    {
        Description = description,
        HelpName = "yyyy-MM-dd",
        CustomParser = result => ParseDay(result, "--day"),
    };

    public static Argument<BusinessDay?> DayArgument() => new("day")
    {
        Description = "The business day, yyyy-MM-dd.",
        CustomParser = result => ParseDay(result, "day"),
    };

    private static BusinessDay? ParseDay(System.CommandLine.Parsing.ArgumentResult result, string name)
    {
        var text = result.Tokens.Single().Value;
        if (BusinessDay.TryParse(text, out var day)) return day;
        result.AddError($"{name} is '{text}': expected a date as yyyy-MM-dd.");
        return null;
    }
}
