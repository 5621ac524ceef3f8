using Microsoft.Extensions.Configuration;
using StreamSettlement.Hosting;
using StreamSettlement.Settlement;

namespace StreamSettlement.UnitTests.Settlement;

public class SettlementOptionsTests
{
    private const string Postgres = "Host=127.0.0.1;Username=settlement;Password=secret;Database=settlement";

    [Fact]
    public void The_two_servers_are_all_that_must_be_said()
    {
        var (options, refusals) = Bind(("KafkaBootstrap", "127.0.0.1:9092"), ("Postgres", Postgres));
        Assert.Empty(refusals);
        Assert.Equal((TimeSpan.FromSeconds(1), "Asia/Seoul"), (options!.Interval, options.BusinessZone));
    }

    [Theory]
    [InlineData("KafkaBootstrap", "", "host:port")]
    [InlineData("KafkaBootstrap", "localhost", "host:port")]
    [InlineData("Postgres", "", "Npgsql connection string")]
    [InlineData("Postgres", "nonsense", "Npgsql connection string")]
    [InlineData("Postgres", "Username=x", "Host")]
    [InlineData("Interval", "00:00:00", "00:00:00.050")]
    [InlineData("Interval", "soon", "soon")]
    [InlineData("BusinessZone", "Seoul", "IANA")]
    [InlineData("Kafka", "127.0.0.1:9092", "Kafka")]
    public void What_can_not_be_used_is_refused_by_key(string key, string value, string expected)
    {
        var (options, refusals) = Bind(("KafkaBootstrap", "127.0.0.1:9092"), ("Postgres", Postgres), (key, value));
        Assert.Null(options);
        var refusal = Assert.Single(refusals);
        Assert.Contains("Settlement", refusal, StringComparison.Ordinal);
        Assert.Contains(expected, refusal, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refusal, StringComparison.Ordinal);
    }

    private static (SettlementOptions? Options, IReadOnlyList<string> Refusals) Bind(params (string Key, string Value)[] values)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(values.GroupBy(value => value.Key).Select(last => KeyValuePair.Create($"Settlement:{last.Key}", (string?)last.Last().Value)))
            .Build();
        return ConfigurationRefusals.Bind<SettlementOptions>(configuration, "Settlement");
    }
}
