using System.Globalization;
using Npgsql;
using NpgsqlTypes;
using StreamSettlement.Contracts;

namespace StreamSettlement.Settlement.Source;

/// <summary>Positional parameters without ceremony.</summary>
internal static class Sql
{
    /// <param name="values">$1, $2, …; a null is sent untyped.</param>
    public static NpgsqlCommand Command(this NpgsqlConnection connection, string sql, params ReadOnlySpan<object?> values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            var parameter = new NpgsqlParameter { Value = value ?? DBNull.Value };
            // A timestamp with an offset is written as UTC only.
            if (value is DateTimeOffset moment) (parameter.Value, parameter.NpgsqlDbType) = (moment.UtcDateTime, NpgsqlDbType.TimestampTz);
            command.Parameters.Add(parameter);
        }
        return command;
    }

    public static BusinessDay GetDay(this NpgsqlDataReader reader, int ordinal) => new(reader.GetFieldValue<DateOnly>(ordinal));

    public static DateTimeOffset GetMoment(this NpgsqlDataReader reader, int ordinal) => new(reader.GetDateTime(ordinal), TimeSpan.Zero);

    public static T? GetNullable<T>(this NpgsqlDataReader reader, int ordinal) where T : struct =>
        reader.IsDBNull(ordinal) ? null : reader.GetFieldValue<T>(ordinal);

    public static string? GetText(this NpgsqlDataReader reader, int ordinal) => reader.IsDBNull(ordinal) ? null : reader.GetString(ordinal);
}

/// <summary>Sums come as numeric and are read as text: a decimal ends at 96 bits, a long at 64.</summary>
internal static class Numbers
{
    /// <exception cref="OverflowException">More than 64 bits.</exception>
    public static long Long(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    /// <exception cref="OverflowException">More than 64 bits, or negative.</exception>
    public static ulong UInt64(string text) => ulong.Parse(text, CultureInfo.InvariantCulture);

    public static Int128 Int128(string text) => System.Int128.Parse(text, CultureInfo.InvariantCulture);

    /// <exception cref="OverflowException">More than 64 bits.</exception>
    public static Micros Micros(string text) => Contracts.Micros.FromInt128(Int128(text));
}
