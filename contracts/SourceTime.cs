namespace StreamSettlement.Contracts;

/// <summary>
/// A moment by the source's own clock, in microseconds since 1970-01-01T00:00:00Z: the resolution of <c>datetime(6)</c>, so that
/// nothing is rounded between MySQL, Kafka and PostgreSQL.
/// </summary>
public readonly record struct SourceTime(long Micros) : IComparable<SourceTime>
{
    public static readonly SourceTime Zero;

    public static SourceTime FromUtc(DateTime utc) => new((utc - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);

    public DateTime ToUtc() => DateTime.UnixEpoch.AddTicks(checked(Micros * TimeSpan.TicksPerMicrosecond));

    public static SourceTime operator -(SourceTime time, TimeSpan span) => new(checked(time.Micros - (span.Ticks / TimeSpan.TicksPerMicrosecond)));

    public static SourceTime operator +(SourceTime time, TimeSpan span) => new(checked(time.Micros + (span.Ticks / TimeSpan.TicksPerMicrosecond)));

    public static TimeSpan operator -(SourceTime left, SourceTime right) => TimeSpan.FromMicroseconds(checked(left.Micros - right.Micros));

    public static bool operator <(SourceTime left, SourceTime right) => left.Micros < right.Micros;

    public static bool operator >(SourceTime left, SourceTime right) => left.Micros > right.Micros;

    public static bool operator <=(SourceTime left, SourceTime right) => left.Micros <= right.Micros;

    public static bool operator >=(SourceTime left, SourceTime right) => left.Micros >= right.Micros;

    public static SourceTime Min(SourceTime left, SourceTime right) => left < right ? left : right;

    public static SourceTime Max(SourceTime left, SourceTime right) => left < right ? right : left;

    public int CompareTo(SourceTime other) => Micros.CompareTo(other.Micros);

    /// <returns>2026-11-21T15:04:05.123456Z</returns>
    public override string ToString() =>
        ToUtc().ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);
}
