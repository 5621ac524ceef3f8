using Confluent.Kafka;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Processes;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests.DevStack;

public sealed class LocalStackTests(Servers servers)
{
    [Fact]
    public async Task What_cannot_be_tidied_up_after_keeps_no_other_server_running()
    {
        var token = TestContext.Current.CancellationToken;
        var state = servers.NewStateDirectory();
        var stack = await LocalStack.StartServersAsync(state, new LocalStackSettings { Servers = ServerChoice.OfEnvironment() }, _ => { }, TimeProvider.System, token);
        var running = stack.Processes().Select(process => ProcessRecord.OfRunning(process.Id, Posix.SigTerm)!).ToList();
        Assert.Equal(3, running.Count);
        // The broker is stopped before the databases, and its pid file cannot be removed.
        File.Delete(state.PidFile("broker"));
        Directory.CreateDirectory(state.PidFile("broker"));

        var thrown = await Assert.ThrowsAsync<DevStackException>(() => stack.DisposeAsync().AsTask());

        Assert.Contains("broker.pid", thrown.Message, StringComparison.Ordinal);
        Assert.All(running, process => Assert.False(process.IsRunning));
        Assert.Null(StackLock.Owner(state));
        state.Delete();
    }

    [Fact]
    public async Task The_prefix_is_handed_to_the_services_and_to_whoever_asks_for_the_addresses()
    {
        var token = TestContext.Current.CancellationToken;
        var state = servers.NewStateDirectory();
        await using (var stack = await LocalStack.StartServersAsync(state, new LocalStackSettings { TopicPrefix = "team-b." }, _ => { }, TimeProvider.System, token))
        {
            await stack.StartServicesAsync(_ => { }, token);
            var found = StackEndpoints.OfRunning(state)!;
            Assert.Equal("team-b.", Assert.Single(found.Variables(TimeProvider.System.GetUtcNow()), variable => variable.Key == "TOPIC_PREFIX").Value);
            Assert.Equal(stack.Topics.ViewLogs, found.Topics.ViewLogs);
            using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = found.KafkaBootstrap }).SetLogHandler((_, _) => { }).Build();
            var topics = admin.GetMetadata(TimeSpan.FromSeconds(30)).Topics.Select(topic => topic.Topic).Where(topic => !topic.StartsWith("__", StringComparison.Ordinal));
            Assert.Equal(stack.Topics.All(1).Select(topic => topic.Name).Order(StringComparer.Ordinal), topics.Order(StringComparer.Ordinal));
        }
        state.Delete();
    }
}
