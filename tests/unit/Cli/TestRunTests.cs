using StreamSettlement.Cli.Testing;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.UnitTests.Cli;

public sealed class TestRunTests
{
    private static readonly ServerChoice Named = new() { KafkaHome = "/opt/kafka", MySqlHome = "/opt/mysql" };

    [Fact]
    public void Where_servers_are_named_what_depends_on_them_runs_once_more_on_these()
    {
        var runs = TestRun.Of(["unit", "conformance", "integration"], Named).ToList();

        Assert.Equal(["unit", "conformance", "conformance-named-servers", "integration", "integration-named-servers"], runs.Select(run => run.Name));
        Assert.Contains("StreamSettlement.IntegrationTests.Ingest*", runs[^1].Filter("StreamSettlement.IntegrationTests"));
        Assert.Equal("/opt/kafka", runs[^1].Environment("file")["KAFKA_HOME"]);
    }

    [Fact]
    public void A_run_on_the_stand_ins_does_not_see_what_the_environment_names()
    {
        var run = TestRun.Of(["integration"], Named).First();
        Assert.Null(run.Environment("file")["KAFKA_HOME"]);
        Assert.Null(run.Environment("file")["MYSQL_HOME"]);
        Assert.Empty(run.Filter("StreamSettlement.IntegrationTests"));
    }

    [Fact]
    public void Every_namespace_of_a_filter_exists()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Settlement.sln"))) folder = folder.Parent!;
        var run = TestRun.Of(["integration"], Named).Last();
        Assert.NotEmpty(run.Parts);
        Assert.All(run.Parts, part => Assert.True(Directory.Exists(Path.Combine(folder.FullName, "tests", "integration", part)), part));
    }
}
