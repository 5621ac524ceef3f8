using System.Net.Http.Json;
using System.Text.Json;
using Confluent.Kafka;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests.Settlement;

/// <summary>The real process with a real broker, over rollups that stand in its database; shared by the tests of a class.</summary>
public sealed class SettlementProcess(Servers servers) : IAsyncLifetime
{
    private Stack _stack = null!;

    /// <summary>Whether the test stops the broker. Default false.</summary>
    internal bool OwnBroker { get; init; }

    public HttpClient Http { get; } = new();

    internal Stack Stack => _stack;

    public async ValueTask InitializeAsync()
    {
        _stack = await Stack.StartAsync(servers, services: false, ownBroker: OwnBroker);
        var rollups = new Rollups(_stack.Postgres);
        await rollups.MigrateAsync();
        await rollups.ViewsAsync("2026-11-16", content: 1, creator: 10, views: 550_000);
        await rollups.ViewsAsync("2026-11-16", content: 2, creator: 11, views: 50);
        await rollups.AdsAsync("2026-11-16", content: 2, creator: 11, ads: 3);
        await rollups.ViewsAsync("2026-11-17", content: 1, creator: 10, views: 1);
        await rollups.SealAsync("2026-11-16");
        await rollups.SealAsync("2026-11-17");
        _stack.Settlement = ServiceProcess.Settlement(_stack.Settings, _stack.State, TimeProvider.System);
        await _stack.Settlement.WaitUntilReadyAsync(TestContext.Current.CancellationToken);
        Http.BaseAddress = _stack.Settlement.Address;
        await PostedAsync("2026-11-16");
        await PostedAsync("2026-11-17");
    }

    public Task PostedAsync(string day) => UntilAsync(day, shown => shown.GetProperty("status").GetString() == "Posted");

    /// <summary>Asks for the day until it is in a state that will come, or a minute is over.</summary>
    public async Task UntilAsync(string day, Func<JsonElement, bool> reached)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            // 503 while the database is away.
            using var response = await Http.GetAsync($"/days/{day}", patience.Token);
            if (response.IsSuccessStatusCode && reached(await response.Content.ReadFromJsonAsync<JsonElement>(patience.Token))) return;
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, patience.Token);
        }
    }

    /// <summary>Asks /health/ready until it is as it will be, or a minute is over.</summary>
    public async Task UntilReadyAsync(Func<JsonElement, bool> reached)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            using var response = await Http.GetAsync("/health/ready", patience.Token);
            if (reached(await response.Content.ReadFromJsonAsync<JsonElement>(patience.Token))) return;
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, patience.Token);
        }
    }

    /// <summary>Every command in the topic so far.</summary>
    internal List<ControlCommand> Commands()
    {
        using var consumer = new ConsumerBuilder<Ignore, byte[]>(new ConsumerConfig { BootstrapServers = _stack.Broker.Bootstrap, GroupId = "test" }).Build();
        var partition = new TopicPartition(_stack.Topics.Commands, 0);
        var end = consumer.QueryWatermarkOffsets(partition, TimeSpan.FromSeconds(10)).High;
        consumer.Assign(new TopicPartitionOffset(partition, Offset.Beginning));
        var commands = new List<ControlCommand>();
        while (commands.Count < end.Value)
            commands.Add(ControlJson.Deserialize<ControlCommand>(consumer.Consume(TestContext.Current.CancellationToken).Message.Value));
        return commands;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        if (_stack is not null) await _stack.DisposeAsync();
    }
}
