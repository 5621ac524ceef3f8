using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace StreamSettlement.Contracts;

/// <summary>The platform's business date (<c>log_date</c>), in the platform's own zone, taken as it is.</summary>
[JsonConverter(typeof(BusinessDayJsonConverter))]
public readonly record struct BusinessDay(DateOnly Date) : IComparable<BusinessDay>
{
    /// <summary>The date as the number yyyymmdd: 20261121. The form of <c>log_date</c> on the wire.</summary>
    public int Number => (Date.Year * 10_000) + (Date.Month * 100) + Date.Day;

    public static BusinessDay Of(int year, int month, int day) => new(new DateOnly(year, month, day));

    /// <returns>False when <paramref name="number"/> is no date of the form yyyymmdd.</returns>
    public static bool TryFromNumber(int number, out BusinessDay day)
    {
        var (year, month, dayOfMonth) = (number / 10_000, number / 100 % 100, number % 100);
        if (year is < 1 or > 9999 || month is < 1 or > 12 || dayOfMonth < 1 || dayOfMonth > DateTime.DaysInMonth(year, month))
        {
            day = default;
            return false;
        }
        day = Of(year, month, dayOfMonth);
        return true;
    }

    /// <exception cref="FormatException"><paramref name="number"/> is no date of the form yyyymmdd.</exception>
    public static BusinessDay FromNumber(int number) =>
        TryFromNumber(number, out var day) ? day : throw new FormatException($"{number} is no date of the form yyyymmdd");

    /// <summary>Accepts yyyy-MM-dd only.</summary>
    public static bool TryParse(string? text, out BusinessDay day)
    {
        var parsed = DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date);
        day = new BusinessDay(date);
        return parsed;
    }

    /// <exception cref="FormatException"><paramref name="text"/> is not yyyy-MM-dd.</exception>
    public static BusinessDay Parse(string text) =>
        TryParse(text, out var day) ? day : throw new FormatException($"'{text}' is no business date: expected yyyy-MM-dd");

    public BusinessDay AddDays(int days) => new(Date.AddDays(days));

    public int CompareTo(BusinessDay other) => Date.CompareTo(other.Date);

    public static bool operator <(BusinessDay left, BusinessDay right) => left.Date < right.Date;

    public static bool operator >(BusinessDay left, BusinessDay right) => left.Date > right.Date;

    public static bool operator <=(BusinessDay left, BusinessDay right) => left.Date <= right.Date;

    public static bool operator >=(BusinessDay left, BusinessDay right) => left.Date >= right.Date;

    /// <returns>yyyy-MM-dd</returns>
    public override string ToString() => Date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}

public sealed class BusinessDayJsonConverter : JsonConverter<BusinessDay>
{
    public override BusinessDay Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        BusinessDay.TryParse(reader.TokenType == JsonTokenType.String ? reader.GetString() : null, out var day)
            ? day
            : throw new JsonException("expected a business date as \"yyyy-MM-dd\"");

    public override void Write(Utf8JsonWriter writer, BusinessDay value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToString());
}
