namespace StreamSettlement.Ingest.Core;

/// <summary>Whether a statement in the process list may write. Errs on the side of yes: a wrong yes delays, a wrong no loses.</summary>
internal static class RunningStatement
{
    /// <summary>Characters of the statement that are asked for; what was cut off there may write.</summary>
    public const int TextCharsMax = 1_000;

    private static readonly HashSet<string> Reading = new(StringComparer.OrdinalIgnoreCase)
    {
        "select", "show", "explain", "describe", "desc", "use", "set", "help", "values", "kill", "flush", "analyze",
    };

    private static readonly string[] Writing = ["insert", "update", "delete", "replace"];

    /// <param name="text">Null while MySQL has not yet recorded it.</param>
    public static bool MayWrite(string? text)
    {
        if (text is null) return true;
        var statement = SkipCommentsAndParentheses(text);
        var end = 0;
        while (end < statement.Length && (char.IsAsciiLetter(statement[end]) || statement[end] == '_')) end++;
        var verb = statement[..end];
        if (Reading.GetAlternateLookup<ReadOnlySpan<char>>().Contains(verb)) return false;
        if (!verb.Equals("with", StringComparison.OrdinalIgnoreCase)) return true;
        if (text.Length >= TextCharsMax) return true;
        foreach (var word in Writing)
            if (statement.Contains(word, StringComparison.OrdinalIgnoreCase)) return true;
        return false;
    }

    private static ReadOnlySpan<char> SkipCommentsAndParentheses(ReadOnlySpan<char> text)
    {
        while (true)
        {
            text = text.TrimStart(" \t\r\n(;");
            int end;
            // /*! … */ and /*M! … */ are executed: their content is the statement.
            if (text.StartsWith("/*!") || text.StartsWith("/*M!"))
            {
                text = text[(text.IndexOf('!') + 1)..].TrimStart("0123456789");
                continue;
            }
            if (text.StartsWith("/*")) end = text.IndexOf("*/") is var close and >= 0 ? close + 2 : text.Length;
            else if (text.StartsWith("--") || text.StartsWith("#")) end = text.IndexOf('\n') is var line and >= 0 ? line + 1 : text.Length;
            else return text;
            text = text[end..];
        }
    }
}
