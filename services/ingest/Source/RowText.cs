using System.Buffers.Text;
using System.Globalization;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.Ingest.Source;

/// <summary>
/// A page as MySQL sends it: one text, a line per row, its columns separated by commas. Read that way a row costs MySql.Data
/// 0.15 µs instead of 4 µs (one value instead of nine for each of millions of rows), and MySQL no more than a result set.
/// </summary>
internal static class RowText
{
    /// <summary>The longest possible line: six numbers of 20 characters, a date, two times, separators.</summary>
    public const int LineBytesMax = 200;

    private static readonly string ViewLogColumns = Columns(
        "id", "member_id", "content_post_id", "watch_seconds", "last_position_seconds", "status + 0", "log_date", "created_at", "updated_at");

    private static readonly string AdViewColumns = Columns(
        "id", "member_id", "content_post_id", "advertisement_id", "log_date", "created_at", "updated_at");

    /// <returns>Two columns: the number of rows and their text, null when there are none.</returns>
    public static string Select(SourceStream stream) =>
        $"select count(*), cast(group_concat({(stream == SourceStream.ViewLogs ? ViewLogColumns : AdViewColumns)} separator '\\n') as binary)";

    /// <param name="offsetMicros">What the source's local times are ahead of UTC.</param>
    /// <param name="rows">Takes the rows from index <paramref name="count"/> on; the creator is not in the text.</param>
    /// <exception cref="FormatException">A line is not what <see cref="Select"/> asked for, e.g. an id above 2^63 − 1.</exception>
    public static void Parse(SourceStream stream, ReadOnlySpan<byte> text, long offsetMicros, SourceRow[] rows, ref int count)
    {
        while (text.Length > 0)
        {
            ref var row = ref rows[count++];
            row = default;
            var line = text;
            row.Id = Number(ref text, line);
            row.MemberId = Number(ref text, line);
            row.ContentId = Number(ref text, line);
            if (stream == SourceStream.ViewLogs)
            {
                row.WatchSeconds = checked((int)Number(ref text, line));
                row.LastPositionSeconds = checked((int)Number(ref text, line));
                row.Status = checked((int)Number(ref text, line));
            }
            else
            {
                row.AdvertisementId = Number(ref text, line);
            }
            row.LogDate = Date(ref text, line);
            row.CreatedAt = Time(ref text, line, offsetMicros);
            row.UpdatedAt = Time(ref text, line, offsetMicros);
        }
    }

    private static string Columns(params string[] columns) => string.Join(", ',', ", columns);

    private static long Number(ref ReadOnlySpan<byte> text, ReadOnlySpan<byte> line)
    {
        if (!Utf8Parser.TryParse(text, out long value, out var length)) throw Malformed(line);
        Skip(ref text, length, line);
        return value;
    }

    /// <summary>2026-11-21</summary>
    private static int Date(ref ReadOnlySpan<byte> text, ReadOnlySpan<byte> line)
    {
        if (text.Length < 10) throw Malformed(line);
        var date = (Digits(text, 0, 4, line) * 10_000) + (Digits(text, 5, 2, line) * 100) + Digits(text, 8, 2, line);
        Skip(ref text, 10, line);
        return date;
    }

    /// <summary>2026-11-21 15:04:05.123456; the zero date, which MySQL allows, is the epoch.</summary>
    private static SourceTime Time(ref ReadOnlySpan<byte> text, ReadOnlySpan<byte> line, long offsetMicros)
    {
        if (text.Length < 26) throw Malformed(line);
        var (year, month, day) = (Digits(text, 0, 4, line), Digits(text, 5, 2, line), Digits(text, 8, 2, line));
        var micros = (((Digits(text, 11, 2, line) * 60L) + Digits(text, 14, 2, line)) * 60L + Digits(text, 17, 2, line)) * 1_000_000 + Digits(text, 20, 6, line);
        Skip(ref text, 26, line);
        if (year == 0 || month == 0 || day == 0) return SourceTime.Zero;
        var days = new DateOnly(year, month, day).DayNumber - EpochDay;
        return new SourceTime((days * 86_400_000_000L) + micros - offsetMicros);
    }

    private static readonly int EpochDay = new DateOnly(1970, 1, 1).DayNumber;

    private static int Digits(ReadOnlySpan<byte> text, int start, int length, ReadOnlySpan<byte> line)
    {
        var value = 0;
        foreach (var digit in text.Slice(start, length))
        {
            if (digit is < (byte)'0' or > (byte)'9') throw Malformed(line);
            value = (value * 10) + (digit - '0');
        }
        return value;
    }

    private static void Skip(ref ReadOnlySpan<byte> text, int length, ReadOnlySpan<byte> line)
    {
        if (text.Length > length && text[length] is not ((byte)',' or (byte)'\n')) throw Malformed(line);
        text = text[Math.Min(text.Length, length + 1)..];
    }

    private static FormatException Malformed(ReadOnlySpan<byte> line)
    {
        var end = line.IndexOf((byte)'\n');
        var shown = System.Text.Encoding.UTF8.GetString(end < 0 ? line : line[..end]);
        return new FormatException(string.Create(CultureInfo.InvariantCulture, $"the source sent a row that can't be read: '{shown}'; ids must be below 2^63"));
    }
}
