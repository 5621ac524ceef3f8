using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using StreamSettlement.Aggregator;
using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;
using StreamSettlement.Hosting;
using StreamSettlement.Ingest;
using StreamSettlement.Settlement;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace StreamSettlement.UnitTests.Compose;

/// <summary>Compose can't run everywhere; what it names must still be real.</summary>
public partial class ComposeTests
{
    private static readonly string Root = RepositoryRoot();
    private static readonly string ComposeText = File.ReadAllText(Path.Combine(Root, "docker-compose.yml"));
    private static readonly Dictionary<object, object> Compose = Yaml(ComposeText);

    public static TheoryData<string> Services => [.. Map(Compose["services"]).Keys.Cast<string>()];

    [Fact]
    public void It_starts_kafka_mysql_postgres_kafka_ui_and_the_three_services() =>
        Assert.Equal(
            ["aggregator", "ingest", "kafka", "kafka-ui", "mysql", "postgres", "settlement"],
            Map(Compose["services"]).Keys.Cast<string>().Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Services))]
    public void Every_mounted_path_and_build_file_exists(string service)
    {
        var definition = Map(Map(Compose["services"])[service]);
        var volumes = definition.TryGetValue("volumes", out var mounts) ? List(mounts) : [];
        var named = Map(Compose["volumes"]).Keys.Cast<string>().ToHashSet();
        foreach (var source in volumes.Select(volume => volume.Split(':')[0]))
        {
            if (source.StartsWith("./", StringComparison.Ordinal))
                Assert.True(Path.Exists(Path.Combine(Root, source)), $"{service} mounts {source}, which does not exist");
            else
                Assert.Contains(source, named);
        }
        if (!definition.TryGetValue("build", out var build)) return;
        Assert.True(File.Exists(Path.Combine(Root, (string)Map(build)["dockerfile"])));
        var arguments = Map(Map(build)["args"]);
        Assert.True(File.Exists(Path.Combine(Root, "services", (string)arguments["FOLDER"], $"{arguments["SERVICE"]}.csproj")));
    }

    [Fact]
    public void Every_variable_stands_in_the_template_and_every_line_of_the_template_is_used()
    {
        var used = Variable().Matches(ComposeText).Select(match => match.Groups["name"].Value).ToHashSet();
        Assert.Equal(used.Order(StringComparer.Ordinal), Template().Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void No_password_has_a_default_and_an_empty_one_is_refused()
    {
        var secrets = Template().Where(line => line.Key.EndsWith("PASSWORD", StringComparison.Ordinal) || line.Key.EndsWith("SIGNING_KEY", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(secrets);
        Assert.All(secrets, line =>
        {
            Assert.Equal("", line.Value);
            var uses = Variable().Matches(ComposeText).Where(match => match.Groups["name"].Value == line.Key);
            Assert.All(uses, use => Assert.StartsWith(":?", use.Groups["rest"].Value));
        });
        Assert.DoesNotMatch(@"(?i)password[:=]\s*[^\s$?'""]", ComposeText);
    }

    [Theory]
    [MemberData(nameof(Services))]
    public void Everything_is_published_on_loopback_only(string service)
    {
        var definition = Map(Map(Compose["services"])[service]);
        Assert.All(List(definition["ports"]), port => Assert.StartsWith("127.0.0.1:", port));
    }

    [Theory]
    [InlineData("")]
    [InlineData("team-b.")]
    [InlineData("Shared_2.")]
    [InlineData("view-logs.v1")]
    public void Kafka_ui_shows_both_data_topics_by_a_type_that_exists(string prefix)
    {
        var config = Yaml(File.ReadAllText(Path.Combine(Root, "infra/kafka-ui/config.yml")));
        var cluster = Map(((List<object>)Map(config["kafka"])["clusters"])[0]);
        var serde = Map(((List<object>)cluster["serde"])[0]);
        var properties = Map(serde["properties"]);
        Assert.Equal(SourceRecord.Descriptor.FullName, properties["protobufMessageName"]);
        // Names by topic would be right for one prefix only.
        Assert.DoesNotContain("protobufMessageNameByTopic", properties.Keys);
        // Kafka UI matches the whole name. Dead letters may hold any bytes: they must not match.
        var pattern = new Regex($"^(?:{serde["topicValuesPattern"]})$");
        var topics = new Topics(prefix);
        Assert.All(topics.All(1), topic => Assert.Equal(topics.Data.Contains(topic.Name), pattern.IsMatch(topic.Name)));
        Assert.True(File.Exists(Path.Combine(Root, "contracts/Protos", SourceRecord.Descriptor.File.Name)));
    }

    [Fact]
    public void The_services_accept_the_configuration_that_they_are_given()
    {
        Assert.Empty(ConfigurationRefusals.Bind<IngestOptions>(ConfigurationOf("ingest"), "Ingest").Refusals);
        Assert.Empty(ConfigurationRefusals.Bind<AggregatorOptions>(ConfigurationOf("aggregator"), "Aggregator").Refusals);
        Assert.Empty(ConfigurationRefusals.Bind<SettlementOptions>(ConfigurationOf("settlement"), "Settlement").Refusals);
    }

    [Fact]
    public void One_prefix_is_handed_to_all_three_services()
    {
        Assert.Equal("", Template()["TOPIC_PREFIX"]);
        foreach (var service in (string[])["Ingest", "Aggregator", "Settlement"])
        {
            var environment = Map(Map(Map(Compose["services"])[service.ToLowerInvariant()])["environment"]);
            Assert.Equal("${TOPIC_PREFIX}", environment[$"{service}__TopicPrefix"]);
        }
    }

    /// <summary>The service's environment with the template's values, and one for each that must be set.</summary>
    private static IConfiguration ConfigurationOf(string service)
    {
        var template = Template();
        var environment = Map(Map(Map(Compose["services"])[service])["environment"]);
        return new ConfigurationBuilder().AddInMemoryCollection(environment.ToDictionary(
            entry => ((string)entry.Key).Replace("__", ":", StringComparison.Ordinal),
            string? (entry) => Variable().Replace((string)entry.Value, use => template[use.Groups["name"].Value] is { Length: > 0 } value ? value : new string('x', 32))))
            .Build();
    }

    private static Dictionary<string, string> Template() =>
        File.ReadAllLines(Path.Combine(Root, ".env.template"))
            .Where(line => line.Length > 0 && line[0] != '#')
            .Select(line => line.Split('=', 2))
            .ToDictionary(parts => parts[0], parts => parts[1]);

    private static Dictionary<object, object> Yaml(string text) =>
        new DeserializerBuilder().Build().Deserialize<Dictionary<object, object>>(new MergingParser(new Parser(new StringReader(text))));

    private static Dictionary<object, object> Map(object node) => node as Dictionary<object, object> ?? [];

    private static List<string> List(object node) => [.. ((List<object>)node).Cast<string>()];

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Settlement.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }

    [GeneratedRegex(@"(?<!\$)\$\{(?<name>[A-Z_]+)(?<rest>[^}]*)\}")]
    private static partial Regex Variable();
}
