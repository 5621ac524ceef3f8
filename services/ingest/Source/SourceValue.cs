using System.Globalization;
using MySqlConnector;
using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest.Source;

/// <summary>Values of the source's columns, some of which only MySQL can hold: each refusal names the row and the column.</summary>
internal static class SourceValue
{
    private static readonly int EpochDay = DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber;

    /// <exception cref="SourceRefusedException">2^63 or more.</exception>
    public static long Id(ulong value, string table, ulong row, string column) =>
        value <= long.MaxValue ? (long)value : throw Refusal(table, row, column, value.ToString(CultureInfo.InvariantCulture), "ids must be below 2^63");

    /// <summary>The zero date, or one without year, month or day: MySQL allows all of them.</summary>
    public static bool IsZero(MySqlDateTime value) => value.Year == 0 || value.Month == 0 || value.Day == 0;

    /// <summary>Whether the calendar has it. With ALLOW_INVALID_DATES MySQL also keeps a day that its month has not.</summary>
    public static bool IsDate(MySqlDateTime value) => !IsZero(value) && value.Day <= DateTime.DaysInMonth(value.Year, value.Month);

    /// <returns>Microseconds since the epoch by the source's own zone.</returns>
    /// <exception cref="SourceRefusedException">It is none.</exception>
    public static long Micros(MySqlDateTime value, string table, ulong row, string column)
    {
        if (!IsDate(value)) throw NoDate(value, table, row, column);
        var days = new DateOnly(value.Year, value.Month, value.Day).DayNumber - EpochDay;
        return (days * 86_400_000_000L) + ((((value.Hour * 60L) + value.Minute) * 60 + value.Second) * 1_000_000) + value.Microsecond;
    }

    /// <returns>2026-02-31 15:04:05.123456</returns>
    public static string Text(MySqlDateTime value) => string.Create(CultureInfo.InvariantCulture,
        $"{value.Year:0000}-{value.Month:00}-{value.Day:00} {value.Hour:00}:{value.Minute:00}:{value.Second:00}.{value.Microsecond:000000}");

    private static SourceRefusedException NoDate(MySqlDateTime value, string table, ulong row, string column) =>
        Refusal(table, row, column, Text(value), "that is no date");

    private static SourceRefusedException Refusal(string table, ulong row, string column, string value, string reason) => new(string.Create(
        CultureInfo.InvariantCulture, $"{table}, row {row}: {column} is {value}, and {reason}. Correct or remove the row in the source; reading then goes on by itself"));
}
