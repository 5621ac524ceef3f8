using StreamSettlement.Cli.Commands;
using StreamSettlement.Cli.Testing;
using StreamSettlement.DevStack;

namespace StreamSettlement.ContainerTests;

public sealed class ConformanceTests(Containers containers)
{
    [Fact]
    public async Task Every_client_finds_Apache_Kafka_in_a_container_as_the_conformance_tests_say()
    {
        Assert.SkipWhen(containers.WhyNot is not null, containers.WhyNot ?? "");
        var results = Path.GetTempFileName();
        var program = Repository.Program("tests/conformance", "ConformanceTests");

        var exit = await TestCommand.RunAsync(
            "dotnet", [program, "-noLogo", "-noColor", "-xml", results], TestContext.Current.CancellationToken,
            new Dictionary<string, string?> { ["STREAMSETTLEMENT_BOOTSTRAP"] = containers.Bootstrap, [DevStack.Servers.TestedServers.Variable] = null });

        var counts = TestCounts.Read(await File.ReadAllTextAsync(results, TestContext.Current.CancellationToken));
        File.Delete(results);
        Assert.True(exit == 0 && counts is { Failed: 0, Passed: > 0 }, $"exit {exit}: {counts}");
    }
}
