using System.ComponentModel.DataAnnotations;
using NodaTime;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;

namespace StreamSettlement.Aggregator;

/// <summary>Section <c>Aggregator</c> of the configuration.</summary>
internal sealed class AggregatorOptions : IValidatableObject
{
    /// <summary>Kafka brokers as <c>host:port</c>, comma-separated. Required.</summary>
    [Required(ErrorMessage = "expected Kafka brokers as host:port, comma-separated")]
    public string KafkaBootstrap { get; set; } = "";

    /// <summary>
    /// Prefix of every topic, consumer group and client id, for a cluster that several deployments share. The same for
    /// the three services of a deployment; chosen before their first start and kept. Default empty; at most 200 of a-z A-Z 0-9 . _ -
    /// </summary>
    [TopicPrefix]
    public string TopicPrefix { get; set; } = "";

    /// <summary>The names with the prefix.</summary>
    public Topics Topics => new(TopicPrefix);

    /// <summary>Npgsql connection string of the database that holds schema <c>rollup</c>. Required.</summary>
    [Required(ErrorMessage = "expected an Npgsql connection string, such as Host=localhost;Database=settlement;Username=…;Password=…")]
    public string Postgres { get; set; } = "";

    /// <summary>Zone of the business date, by its IANA name. Default Asia/Seoul.</summary>
    public string BusinessZone { get; set; } = "Asia/Seoul";

    /// <summary>Days that a <c>log_date</c> may be ahead of the business date of now before it is a dead letter. Default 1.</summary>
    [Range(0, 366, ErrorMessage = "expected days from 0 to 366")]
    public int FutureDays { get; set; } = 1;

    /// <summary>
    /// How long records are added up before they are committed, when nothing else ends the chunk: the delay until a row is visible.
    /// Default 0.5 s, 10 ms to 60 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00", ErrorMessage = "expected a time from 00:00:00.010 to 00:01:00")]
    public TimeSpan ChunkTime { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long an aggregator may be silent before the others take its partitions over; it says that it lives five times as often, so
    /// that the others learn of a takeover within a fifth of it. Default 10 s, 1 s to 5 min; Apache Kafka refuses less than 6 s
    /// (<c>group.min.session.timeout.ms</c>).
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00", ErrorMessage = "expected a time from 00:00:01 to 00:05:00")]
    public TimeSpan SessionTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Memory of the claim cache, in MiB: a miss costs a read from PostgreSQL. Default 8.</summary>
    [Range(1, 4_096, ErrorMessage = "expected MiB from 1 to 4096")]
    public int ClaimCacheMegabytes { get; set; } = 8;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (DateTimeZoneProviders.Tzdb.GetZoneOrNull(BusinessZone) is null)
        {
            yield return new ValidationResult("expected the IANA name of a time zone, such as Asia/Seoul", [nameof(BusinessZone)]);
        }
        if (PostgresRefusal() is { } refusal)
        {
            yield return new ValidationResult($"expected an Npgsql connection string: {refusal}", [nameof(Postgres)]);
        }
    }

    private string? PostgresRefusal()
    {
        try
        {
            return string.IsNullOrEmpty(new NpgsqlConnectionStringBuilder(Postgres).Host) ? "it names no Host" : null;
        }
        catch (ArgumentException malformed)
        {
            return malformed.Message;
        }
    }
}
