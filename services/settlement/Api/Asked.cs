using System.Globalization;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.Settlement.Api;

/// <summary>Reads what a request asks for. What it can't read becomes one problem that names the parameter, the value and what is expected.</summary>
internal sealed class Asked
{
    private const int ReasonMax = 2_000;

    private readonly List<string> _problems = [];

    /// <summary>400 with every parameter that could not be read, or null when all could.</summary>
    public IResult? Problem => _problems.Count == 0
        ? null
        : Results.Problem(statusCode: StatusCodes.Status400BadRequest, title: "The request can't be read", detail: string.Join("; ", _problems));

    public BusinessDay Day(string name, string? text)
    {
        if (!BusinessDay.TryParse(text, out var day)) Refuse(name, text, "a business date yyyy-MM-dd, such as 2026-11-21");
        return day;
    }

    /// <summary>A range of days, both ends included and both optional: without them all days there are.</summary>
    public (BusinessDay From, BusinessDay To) Days(string? from, string? to)
    {
        var first = from is null ? new BusinessDay(DateOnly.MinValue) : Day("from", from);
        var last = to is null ? new BusinessDay(DateOnly.MaxValue) : Day("to", to);
        if (_problems.Count == 0 && last < first) _problems.Add($"to is '{to}', before from '{from}': expected a day not before it");
        return (first, last);
    }

    public long Id(string name, string? text)
    {
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id)) Refuse(name, text, $"a number between 0 and {long.MaxValue}");
        return id;
    }

    public int Limit(string? text, int byDefault, int most)
    {
        if (text is null) return byDefault;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) || limit < 1 || limit > most)
            Refuse("limit", text, $"a number between 1 and {most}");
        return limit;
    }

    public Period Period(string? text)
    {
        if (!Periods.TryParse(text ?? "day", out var period)) Refuse("period", text, "day, week, month or year");
        return period;
    }

    /// <summary>Why somebody decides as he does: some text, so that it can be understood years later.</summary>
    public string Reason(string? text)
    {
        var reason = text?.Trim() ?? "";
        if (reason.Length is 0 or > ReasonMax || reason.Any(symbol => char.IsControl(symbol) && symbol is not ('\n' or '\r' or '\t')))
            Refuse("reason", text, $"a text of at most {ReasonMax} characters, none of them a control character");
        return reason;
    }

    /// <summary>One of <paramref name="choices"/>; the first is the default.</summary>
    public string OneOf(string name, string? text, params string[] choices)
    {
        if (text is null) return choices[0];
        if (!choices.Contains(text, StringComparer.Ordinal)) Refuse(name, text, $"one of {string.Join(", ", choices)}");
        return text;
    }

    private void Refuse(string name, string? text, string expected) =>
        _problems.Add($"{name} is {(string.IsNullOrEmpty(text) ? "missing" : $"'{text}'")}: expected {expected}");
}
