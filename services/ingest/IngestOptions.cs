using System.ComponentModel.DataAnnotations;
using System.Globalization;
using MySqlConnector;
using NodaTime;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;

namespace StreamSettlement.Ingest;

/// <summary>Section <c>Ingest</c>.</summary>
internal sealed class IngestOptions : IValidatableObject
{
    /// <summary>Kafka brokers, <c>host:port</c>, separated by commas. Required.</summary>
    [Required(ErrorMessage = "expected host:port of one or more Kafka brokers, separated by commas")]
    public string KafkaBootstrap { get; set; } = "";

    /// <summary>
    /// Prefix of every topic, consumer group and client id, and of the name of ingest's lock in MySQL, for a cluster that several deployments share. The same for
    /// the three services of a deployment; chosen before their first start and kept. Default empty; at most 200 of a-z A-Z 0-9 . _ -
    /// </summary>
    [TopicPrefix]
    public string TopicPrefix { get; set; } = "";

    /// <summary>The names with the prefix.</summary>
    public Topics Topics => new(TopicPrefix);

    /// <summary>
    /// MySQL connection string, e.g. <c>server=…;port=3306;user id=…;password=…;database=…</c>. Required. The account needs SELECT on
    /// the source's tables and PROCESS.
    /// </summary>
    [Required(ErrorMessage = "expected a MySQL connection string: server=…;port=…;user id=…;password=…;database=…")]
    public string MySql { get; set; } = "";

    /// <summary>Partitions of the two data topics where ingest creates them. Default 12; frozen once the topics exist.</summary>
    [Range(1, Limits.PartitionsMax)]
    public int Partitions { get; set; } = Limits.PartitionsDefault;

    /// <summary>Rows younger than this are not read yet. Default 5 s, from 0 to 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan SafetyLag { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The fixed offset in which MySQL assigns <c>updated_at</c>, <c>+hh:mm</c> or <c>-hh:mm</c>. Default +00:00.</summary>
    public string SourceTimeOffset { get; set; } = "+00:00";

    /// <summary>Part of every row's identity; raised by one after the source was restored or failed over. Default 1.</summary>
    [Range(1, int.MaxValue)]
    public int SourceEpoch { get; set; } = 1;

    /// <summary>The platform's zone (IANA name): its midnight ends a business day. Default Asia/Seoul.</summary>
    public string BusinessZone { get; set; } = "Asia/Seoul";

    /// <summary>Whether days are ended at midnight plus grace by themselves. Default true.</summary>
    public bool EndOfDaySchedule { get; set; } = true;

    /// <summary>Time after midnight until a day is ended by schedule. Default 10 min, from 0 to 1 day.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan EndOfDayGrace { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// How often a day that has ended is audited: its totals are read from the source again and its next attempt is marked. Default 1 day,
    /// from 1 s to 7 days.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "7.00:00:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan AuditEvery { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Days after its cutoff for which a day is audited. Default 7, from 0 (never) to 366.</summary>
    [Range(0, 366)]
    public int AuditDays { get; set; } = 7;

    /// <summary>
    /// Read without the PROCESS privilege, trusting that no transaction stays open longer than the safety lag. Default false.
    /// </summary>
    public bool TrustSafetyLag { get; set; }

    /// <summary>Rows read at once. Default 25,000: larger pages take memory and win nothing.</summary>
    [Range(1, Limits.PageRowsMax)]
    public int PageRows { get; set; } = 25_000;

    /// <summary>Pause between two looks at a source that has nothing new. Default 200 ms, from 120 ms to 1 min:
    /// MySQL's list of transactions is renewed only when nobody has read it for 100 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00.120", "00:01:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <exception cref="NodaTime.TimeZones.DateTimeZoneNotFoundException">Refused by validation before.</exception>
    public DateTimeZone Zone => DateTimeZoneProviders.Tzdb[BusinessZone];

    public TimeSpan SourceOffset => TryParseOffset(SourceTimeOffset, out var offset) ? offset : throw new FormatException(SourceTimeOffset);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!TryParseOffset(SourceTimeOffset, out _))
            yield return new ValidationResult("expected +hh:mm or -hh:mm between -13:59 and +14:00", [nameof(SourceTimeOffset)]);
        if (DateTimeZoneProviders.Tzdb.GetZoneOrNull(BusinessZone) is null)
            yield return new ValidationResult("expected an IANA time zone such as Asia/Seoul", [nameof(BusinessZone)]);
        if (RefusalOf(MySql) is { } refusal)
            yield return new ValidationResult($"expected a MySQL connection string (server=…;port=…;user id=…;password=…;database=…): {refusal}", [nameof(MySql)]);
    }

    private static string? RefusalOf(string connectionString)
    {
        try
        {
            var parsed = new MySqlConnectionStringBuilder(connectionString);
            return parsed.Server.Length == 0 ? "no server" : parsed.Database.Length == 0 ? "no database" : null;
        }
        catch (ArgumentException malformed)
        {
            return malformed.Message;
        }
    }

    private static bool TryParseOffset(string text, out TimeSpan offset)
    {
        offset = default;
        if (text.Length != 6 || text[0] is not ('+' or '-')) return false;
        if (!TimeSpan.TryParseExact(text.AsSpan(1), @"hh\:mm", CultureInfo.InvariantCulture, out var magnitude)) return false;
        offset = text[0] == '-' ? -magnitude : magnitude;
        return offset >= new TimeSpan(-13, -59, 0) && offset <= new TimeSpan(14, 0, 0);
    }
}
