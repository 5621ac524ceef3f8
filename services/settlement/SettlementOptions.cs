using System.ComponentModel.DataAnnotations;
using NodaTime;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;

namespace StreamSettlement.Settlement;

/// <summary>Section <c>Settlement</c>.</summary>
internal sealed class SettlementOptions : IValidatableObject
{
    /// <summary>Brokers of the control topics, <c>host:port[,host:port]</c>. No default.</summary>
    [Required(ErrorMessage = "expected host:port[,host:port]")]
    [RegularExpression(@"^[^\s:,]+:\d{1,5}(,[^\s:,]+:\d{1,5})*$", ErrorMessage = "expected host:port[,host:port]")]
    public string KafkaBootstrap { get; init; } = "";

    /// <summary>
    /// Prefix of every topic, consumer group and client id, for a cluster that several deployments share. The same for
    /// the three services of a deployment; chosen before their first start and kept. Default empty; at most 200 of a-z A-Z 0-9 . _ -
    /// </summary>
    [TopicPrefix]
    public string TopicPrefix { get; init; } = "";

    /// <summary>The names with the prefix.</summary>
    public Topics Topics => new(TopicPrefix);

    /// <summary>Npgsql connection string of the database that holds the schemas rollup and settlement. No default.</summary>
    [Required(ErrorMessage = "expected an Npgsql connection string: Host=…;Username=…;Password=…;Database=…")]
    public string Postgres { get; init; } = "";

    /// <summary>How often the tables are looked at when no control event wakes the loop. Default 1 s, 50 ms to 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "01:00:00", ErrorMessage = "expected hh:mm:ss between 00:00:00.050 and 01:00:00")]
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Zone of the business date, as IANA names it; only to tell a day in the future. Default Asia/Seoul.</summary>
    public string BusinessZone { get; init; } = "Asia/Seoul";

    /// <summary>Whose tokens are believed where a decision needs a name.</summary>
    public AuthOptions Auth { get; init; } = new();

    public DateTimeZone Zone => DateTimeZoneProviders.Tzdb[BusinessZone];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (DateTimeZoneProviders.Tzdb.GetZoneOrNull(BusinessZone) is null)
            yield return new ValidationResult("expected an IANA time zone such as Asia/Seoul", [nameof(BusinessZone)]);
        foreach (var (setting, expected) in Auth.Refusals()) yield return new ValidationResult($"{setting}: {expected}", [nameof(Auth)]);
        if (PostgresRefusal() is { } refusal) yield return new ValidationResult(refusal, [nameof(Postgres)]);
    }

    private string? PostgresRefusal()
    {
        try
        {
            return string.IsNullOrEmpty(new NpgsqlConnectionStringBuilder(Postgres).Host)
                ? "expected an Npgsql connection string with at least Host, Username and Database"
                : null;
        }
        catch (ArgumentException malformed)
        {
            return $"expected an Npgsql connection string: {malformed.Message}";
        }
    }
}
