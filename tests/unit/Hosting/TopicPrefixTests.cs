using Microsoft.Extensions.Configuration;
using StreamSettlement.Aggregator;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;
using StreamSettlement.Ingest;
using StreamSettlement.Settlement;

namespace StreamSettlement.UnitTests.Hosting;

public class TopicPrefixTests
{
    [Fact]
    public void Every_service_takes_a_prefix_and_has_none_by_default()
    {
        Assert.Equal("view-logs.v1", Bind<IngestOptions>("Ingest", null).Options!.Topics.ViewLogs);
        Assert.Equal("b.view-logs.v1", Bind<IngestOptions>("Ingest", "b.").Options!.Topics.ViewLogs);
        Assert.Equal("aggregator-g1", Bind<AggregatorOptions>("Aggregator", "").Options!.Topics.LiveGroup);
        Assert.Equal("b.aggregator-g1", Bind<AggregatorOptions>("Aggregator", "b.").Options!.Topics.LiveGroup);
        Assert.Equal("settlement.commands.v1", Bind<SettlementOptions>("Settlement", null).Options!.Topics.Commands);
        Assert.Equal("b.settlement.commands.v1", Bind<SettlementOptions>("Settlement", "b.").Options!.Topics.Commands);
    }

    [Theory]
    [InlineData("team b")]
    [InlineData("team/")]
    [InlineData("팀.")]
    public void Every_service_refuses_what_kafka_does_not_take(string prefix)
    {
        AssertRefused<IngestOptions>("Ingest", prefix);
        AssertRefused<AggregatorOptions>("Aggregator", prefix);
        AssertRefused<SettlementOptions>("Settlement", prefix);
    }

    [Fact]
    public void A_prefix_that_is_too_long_is_refused()
    {
        AssertRefused<IngestOptions>("Ingest", new string('p', Topics.PrefixCharsMax + 1));
        Assert.Empty(Bind<IngestOptions>("Ingest", new string('p', Topics.PrefixCharsMax)).Refusals);
    }

    private static void AssertRefused<TOptions>(string section, string prefix)
        where TOptions : class =>
        Assert.Equal(
            $"{section}:TopicPrefix is '{prefix}': expected at most 200 of the characters a-z A-Z 0-9 . _ -, or nothing (environment: {section}__TopicPrefix)",
            Assert.Single(Bind<TOptions>(section, prefix).Refusals));

    private static (TOptions? Options, IReadOnlyList<string> Refusals) Bind<TOptions>(string section, string? prefix)
        where TOptions : class
    {
        var values = new Dictionary<string, string?> { [$"{section}:KafkaBootstrap"] = "127.0.0.1:9092" };
        if (section == "Ingest") values["Ingest:MySql"] = "server=127.0.0.1;database=platform;user id=ingest";
        else values[$"{section}:Postgres"] = "Host=127.0.0.1;Username=settlement;Database=settlement";
        if (prefix is not null) values[$"{section}:TopicPrefix"] = prefix;
        return ConfigurationRefusals.Bind<TOptions>(new ConfigurationBuilder().AddInMemoryCollection(values).Build(), section);
    }
}
