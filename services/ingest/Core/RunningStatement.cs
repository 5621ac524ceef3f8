namespace StreamSettlement.Ingest.Core;

/// <summary>Whether a statement in the process list may write. Errs on the side of yes: a wrong yes delays, a wrong no loses.</summary>
internal static class RunningStatement
{
    /// <summary>Characters of the statement that are asked for; what was cut off there may write.</summary>
    public const int TextCharsMax = 1_000;

    /// <summary>
    /// Verbs that read, each with the word after which another statement follows that is executed: <c>SET STATEMENT … FOR UPDATE …</c>,
    /// <c>EXPLAIN ANALYZE DELETE …</c>.
    /// </summary>
    private static readonly Dictionary<string, string?> Reading = new(StringComparer.OrdinalIgnoreCase)
    {
        ["select"] = null, ["show"] = null, ["use"] = null, ["help"] = null, ["values"] = null, ["kill"] = null, ["flush"] = null,
        ["set"] = "statement", ["explain"] = "analyze", ["describe"] = "analyze", ["desc"] = "analyze",
    };

    private static readonly string[] Writing = ["insert", "update", "delete", "replace"];

    /// <param name="text">Null while MySQL has not yet recorded it.</param>
    public static bool MayWrite(string? text)
    {
        if (text is null) return true;
        var rest = text.AsSpan();
        var verb = NextWord(ref rest);
        if (Reading.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(verb, out var executing))
            return executing is not null && (NextWord(ref rest).Equals(executing, StringComparison.OrdinalIgnoreCase) || (rest.IsEmpty && text.Length >= TextCharsMax));
        if (!verb.Equals("with", StringComparison.OrdinalIgnoreCase)) return true;
        if (text.Length >= TextCharsMax) return true;
        foreach (var word in Writing)
            if (rest.Contains(word, StringComparison.OrdinalIgnoreCase)) return true;
        return false;
    }

    /// <returns>Empty where none stands next.</returns>
    private static ReadOnlySpan<char> NextWord(ref ReadOnlySpan<char> text)
    {
        text = SkipCommentsAndParentheses(text);
        var end = 0;
        while (end < text.Length && (char.IsAsciiLetter(text[end]) || text[end] == '_')) end++;
        var word = text[..end];
        text = text[end..];
        return word;
    }

    private static ReadOnlySpan<char> SkipCommentsAndParentheses(ReadOnlySpan<char> text)
    {
        while (true)
        {
            text = text.TrimStart(" \t\r\n\f\v(;");
            int end;
            // /*! … */ and /*M! … */ are executed: their content is the statement.
            if (text.StartsWith("/*!") || text.StartsWith("/*M!"))
            {
                text = text[(text.IndexOf('!') + 1)..].TrimStart("0123456789");
                continue;
            }
            // Their end.
            if (text.StartsWith("*/"))
            {
                text = text[2..];
                continue;
            }
            if (text.StartsWith("/*")) end = text.IndexOf("*/") is var close and >= 0 ? close + 2 : text.Length;
            else if (text.StartsWith("--") || text.StartsWith("#")) end = text.IndexOf('\n') is var line and >= 0 ? line + 1 : text.Length;
            else return text;
            text = text[end..];
        }
    }
}
