using Microsoft.Extensions.Configuration;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.UnitTests.Ingest;

public class IngestOptionsTests
{
    private const string MySql = "server=127.0.0.1;database=platform;user id=ingest;password=secret";

    [Fact]
    public void Two_keys_are_enough()
    {
        var (options, refusals) = Bind(new());
        Assert.Empty(refusals);
        Assert.Equal((12, TimeSpan.FromSeconds(5), "Asia/Seoul", TimeSpan.Zero, true), (options!.Partitions, options.SafetyLag, options.Zone.Id, options.SourceOffset, options.EndOfDaySchedule));
    }

    [Theory]
    [InlineData("KafkaBootstrap", "")]
    [InlineData("MySql", "")]
    [InlineData("MySql", "server=127.0.0.1;user id=ingest")]
    [InlineData("MySql", "what is this")]
    [InlineData("Partitions", "0")]
    [InlineData("Partitions", "many")]
    [InlineData("SafetyLag", "-00:00:01")]
    [InlineData("SafetyLag", "5 seconds")]
    [InlineData("SourceTimeOffset", "Asia/Seoul")]
    [InlineData("SourceTimeOffset", "+15:00")]
    [InlineData("BusinessZone", "Seoul")]
    [InlineData("SourceEpoch", "0")]
    [InlineData("PageRows", "0")]
    [InlineData("PollInterval", "00:00:00")]
    [InlineData("EndOfDaySchedule", "sometimes")]
    [InlineData("Nonsense", "1")]
    public void What_is_missing_or_malformed_is_refused_by_key(string key, string value)
    {
        var (options, refusals) = Bind(new() { [$"Ingest:{key}"] = value });
        Assert.Null(options);
        Assert.Contains(key, Assert.Single(refusals), StringComparison.Ordinal);
    }

    [Fact]
    public void A_refusal_does_not_show_the_password() =>
        Assert.DoesNotContain("secret", Assert.Single(Bind(new() { ["Ingest:MySql"] = "server=127.0.0.1;user id=ingest;password=secret" }).Refusals), StringComparison.Ordinal);

    [Theory]
    [InlineData("+09:00", "'2026-11-21 09:00:00.000001'")]
    [InlineData("-03:30", "'2026-11-20 20:30:00.000001'")]
    public void Times_are_written_in_the_zone_of_the_source(string offset, string literal)
    {
        var settings = new MySqlSettings(Bind(new() { ["Ingest:SourceTimeOffset"] = offset }).Options!);
        Assert.Equal(literal, settings.Literal(SourceTime.FromUtc(new DateTime(2026, 11, 21, 0, 0, 0, DateTimeKind.Utc)) + TimeSpan.FromMicroseconds(1)));
    }

    [Fact]
    public void The_lock_of_a_long_database_name_fits_and_differs()
    {
        var (one, other) = (MySqlSettings.NameOfLock("", new string('a', 64)), MySqlSettings.NameOfLock("", new string('a', 63) + "b"));
        Assert.NotEqual(one, other);
        Assert.InRange(one.Length, 1, 64);
        // As in versions without prefixes: an older and a newer ingest exclude each other.
        Assert.Equal("stream-settlement-ingest:platform", MySqlSettings.NameOfLock("", "platform"));
        Assert.Equal("stream-settlement-ingest:ffe054fe7ae0cb6dc65c3af9b61d5209", one);
    }

    [Fact]
    public void Deployments_and_databases_have_locks_of_their_own_and_each_fits()
    {
        string[] prefixes = ["", "a", "A", "b.", "stream-settlement-ingest", new('p', Topics.PrefixCharsMax), new string('p', Topics.PrefixCharsMax - 1) + "P"];
        string[] databases = ["platform", "a", "platform:a", new('d', 64), new string('d', 63) + "e"];
        var names = prefixes.SelectMany(prefix => databases.Select(database => MySqlSettings.NameOfLock(prefix, database))).ToList();

        Assert.Equal("b.stream-settlement-ingest:platform", MySqlSettings.NameOfLock("b.", "platform"));
        Assert.All(names, name => Assert.InRange(name.Length, 1, 64));
        // MySQL ignores their case.
        Assert.Distinct(names, StringComparer.OrdinalIgnoreCase);
    }

    private static (IngestOptions? Options, IReadOnlyList<string> Refusals) Bind(Dictionary<string, string?> over)
    {
        var values = new Dictionary<string, string?> { ["Ingest:KafkaBootstrap"] = "127.0.0.1:9092", ["Ingest:MySql"] = MySql };
        foreach (var (key, value) in over) values[key] = value;
        return ConfigurationRefusals.Bind<IngestOptions>(new ConfigurationBuilder().AddInMemoryCollection(values).Build(), "Ingest");
    }
}
