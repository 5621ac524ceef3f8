using System.Text;
using System.Threading.Channels;
using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;
using StreamSettlement.IntegrationTests.Broker;
using Headers = Confluent.Kafka.Headers;

namespace StreamSettlement.IntegrationTests.Hosting;

/// <summary>The control topics, whichever of its two readers this build has.</summary>
public sealed class ControlTopicsTests(Servers servers) : BrokerTest(servers, development: false)
{
    private const string Service = "test";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly BusinessDay Day = BusinessDay.Parse("2026-11-21");
    private static readonly ControlCommand Asked = new(CommandKind.EndDay, Day, "alice");

    private Topics Topics => Broker.Topics;

    [Fact]
    public async Task Messages_are_plain_json_keyed_by_the_day_without_headers_and_carry_the_services_time()
    {
        var before = DateTimeOffset.FromUnixTimeMilliseconds(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        using var host = Build(new Desk());
        await host.StartAsync(Token);
        await Producer(host).SendAsync(Asked with { Reason = "why \"not\"" }, Token);
        await Producer(host).SendAsync(new ControlCommand(CommandKind.PublishRow, Day, "ann", Letter: 7, Stream: SourceStream.AdViews, Row: 9), Token);
        await Producer(host).PublishAsync(new ControlEvent(EventKind.DayPosted, Day, "settlement", "run 1"), Token);
        var after = TimeProvider.System.GetUtcNow();

        var commands = ReadAll(Topics.Commands);
        Assert.Equal(
            [
                """{"kind":"EndDay","day":"2026-11-21","by":"alice","reason":"why \u0022not\u0022"}""",
                """{"kind":"PublishRow","day":"2026-11-21","by":"ann","reason":null,"letter":7,"stream":"AdViews","row":9}""",
            ],
            commands.Select(record => record.Message.Value));
        var written = Assert.Single(ReadAll(Topics.Events));
        Assert.Equal("""{"kind":"DayPosted","day":"2026-11-21","source":"settlement","detail":"run 1"}""", written.Message.Value);
        Assert.All([.. commands, written], record =>
        {
            Assert.Equal("2026-11-21", record.Message.Key);
            Assert.Empty(record.Message.Headers);
            Assert.InRange(record.Message.Timestamp.UtcDateTime, before.UtcDateTime, after.UtcDateTime);
        });
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task A_consumer_of_both_gets_the_messages_of_both_topics_in_the_order_of_each()
    {
        var desk = new Desk();
        using var host = Build<BothConsumer>(desk);
        await host.StartAsync(Token);
        var happened = new ControlEvent(EventKind.DayPosted, Day, "settlement");
        await Producer(host).SendAsync(Asked, Token);
        await Producer(host).SendAsync(Asked with { Kind = CommandKind.RepairDay }, Token);
        await Producer(host).PublishAsync(happened, Token);
        await Producer(host).PublishAsync(happened with { Detail = "2" }, Token);

        var handled = new List<object>();
        for (var i = 0; i < 4; i++)
        {
            handled.Add(await desk.NextAsync());
            desk.Release();
        }
        Assert.Equal([Asked, Asked with { Kind = CommandKind.RepairDay }], handled.OfType<ControlCommand>());
        Assert.Equal([happened, happened with { Detail = "2" }], handled.OfType<ControlEvent>());
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task A_message_that_can_not_be_handled_is_kept_and_the_next_waits_behind_it()
    {
        var desk = new Desk();
        var log = new RecordedLogs();
        using var host = Build(desk, log);
        await host.StartAsync(Token);
        var next = Asked with { Kind = CommandKind.RepairDay };
        await Producer(host).SendAsync(Asked, Token);
        await Producer(host).SendAsync(next, Token);

        // Also a cancellation that nobody asked for, such as a time limit of the consumer's own, is no reason to go on.
        Assert.Equal(Asked, await desk.NextAsync());
        desk.Fail(new InvalidOperationException("not yet"));
        Assert.Equal(Asked, await desk.NextAsync());
        desk.Fail(new OperationCanceledException());
        Assert.Equal(Asked, await desk.NextAsync());
        desk.Release();
        Assert.Equal(next, await desk.NextAsync());
        desk.Release();
        await CommittedAsync(2);
        await host.StopAsync(Token);
        Assert.Equal([413, 413], log.Ids);
        Assert.StartsWith($"{Topics.Commands}@0 could not be handled", log.Lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_control_message_is_passed_over_and_named()
    {
        var desk = new Desk();
        var log = new RecordedLogs();
        using var host = Build(desk, log);
        await host.StartAsync(Token);
        using (var stranger = new ProducerBuilder<byte[]?, byte[]?>(new ProducerConfig { BootstrapServers = Broker.Bootstrap }).SetLogHandler(Quiet).Build())
        {
            foreach (var value in new[] { "{", "null", "{\"kind\":\"Nonsense\",\"day\":\"2026-11-21\",\"by\":\"x\"}", null })
                await stranger.ProduceAsync(Topics.Commands, new Message<byte[]?, byte[]?> { Value = value is null ? null : Encoding.UTF8.GetBytes(value) }, Token);
            // Keys and headers of others mean nothing.
            await stranger.ProduceAsync(Topics.Commands, new Message<byte[]?, byte[]?>
            {
                Key = [0xFF], Value = ControlJson.Serialize(Asked),
                Headers = new Headers { { "MessageId", [1, 2] }, { "Content-Type", [0xFF, 0xFE] }, { "ConversationId", null! } },
            }, Token);
        }

        Assert.Equal(Asked, await desk.NextAsync());
        desk.Release();
        await CommittedAsync(5);
        await host.StopAsync(Token);
        Assert.Equal([412, 412, 412, 412], log.Ids);
        Assert.Equal(Enumerable.Range(0, 4), log.Lines.Select(line => line[$"{Topics.Commands}@".Length] - '0'));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stop_does_not_wait_for_a_message_which_is_handled_by_the_next_start(bool failing)
    {
        var desk = new Desk();
        using (var host = Build(desk))
        {
            await host.StartAsync(Token);
            await Producer(host).SendAsync(Asked, Token);
            Assert.Equal(Asked, await desk.NextAsync());
            if (failing)
            {
                desk.Fail(new InvalidOperationException("not yet"));
                Assert.Equal(Asked, await desk.NextAsync());
            }
            var began = TimeProvider.System.GetTimestamp();
            await host.StopAsync(Token);
            Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(5));
        }
        desk = new Desk();
        using (var host = Build(desk))
        {
            await host.StartAsync(Token);
            Assert.Equal(Asked, await desk.NextAsync());
            desk.Release();
            await CommittedAsync(1);
            await host.StopAsync(Token);
        }
    }

    [Fact]
    public async Task A_stop_right_after_the_start_leaves_no_member_in_the_group()
    {
        var desk = new Desk();
        using var admin = Admin();
        for (var i = 0; i < 3; i++)
        {
            using var host = Build(desk);
            await host.StartAsync(Token);
            if (i > 0) await Until(() => KafkaTopics.PartitionCounts(Broker.Bootstrap, Service, [Topics.Commands])[Topics.Commands] > 0);
            await host.StopAsync(Token);
        }
        var groups = await admin.DescribeConsumerGroupsAsync([Topics.ControlGroup(Service)]);
        Assert.Empty(groups.ConsumerGroupDescriptions.SelectMany(group => group.Members));
    }

    [Fact]
    public async Task A_broker_that_comes_late_and_one_that_goes_away_are_waited_for()
    {
        await UseOwnBrokerAsync();
        await Broker.Process.KillAsync();
        var desk = new Desk();
        using var host = Build(desk);
        var readiness = host.Services.GetRequiredService<Readiness>();
        await host.StartAsync(Token);
        await Until(() => readiness.Snapshot().TryGetValue("kafka", out var reason) && reason is not null and not "not reached yet");
        await Restart(kill: false);
        await Until(() => readiness.Snapshot()["kafka"] is null);
        await Producer(host).SendAsync(Asked, Token);
        Assert.Equal(Asked, await desk.NextAsync());
        desk.Release();

        await Restart(kill: true);
        // What was handled may come again: its offset may not have reached the broker that was killed.
        var next = Asked with { Kind = CommandKind.RepairDay };
        await Producer(host).SendAsync(next, Token);
        while (!next.Equals(await desk.NextAsync())) desk.Release();
        desk.Release();
        await CommittedAsync(2);
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task A_message_whose_partition_goes_to_another_while_it_is_handled_is_handled_again_and_stops_nobody()
    {
        var desk = new Desk();
        using var host = Build(desk);
        await host.StartAsync(Token);
        await Producer(host).SendAsync(Asked, Token);
        await desk.NextAsync();

        // Members are given partitions in the order of their names: this one takes them all.
        using (var other = Consumer(Topics.ControlGroup(Service), config => (config.ClientId, config.SessionTimeoutMs, config.MaxPollIntervalMs) = ("a", 10_000, 10_000)))
        {
            other.Subscribe([Topics.Commands, Topics.Events]);
            ConsumeResult<string?, string> record;
            do record = other.Consume(Token);
            while (record.IsPartitionEOF);
            Assert.Equal(Asked, ControlJson.Deserialize<ControlCommand>(Encoding.UTF8.GetBytes(record.Message.Value)));
            desk.Release();
            other.Close();
        }

        Assert.Equal(Asked, await desk.NextAsync());
        desk.Release();
        var next = Asked with { Kind = CommandKind.RepairDay };
        await Producer(host).SendAsync(next, Token);
        Assert.Equal(next, await desk.NextAsync());
        desk.Release();
        await CommittedAsync(2);
        await host.StopAsync(Token);
    }

    private static ControlProducer Producer(IHost host) => host.Services.GetRequiredService<ControlProducer>();

    /// <summary>Waits until the group's offset in the commands topic is there.</summary>
    private async Task CommittedAsync(long offset)
    {
        using var consumer = Consumer(Topics.ControlGroup(Service));
        await Until(() => TestBroker.Passing(() => consumer.Committed([new TopicPartition(Topics.Commands, 0)], Patience))[0].Offset == offset);
    }

    private IHost Build(Desk desk, RecordedLogs? log = null) => Build<DeskConsumer>(desk, log);

    private IHost Build<TConsumer>(Desk desk, RecordedLogs? log = null)
        where TConsumer : class, MassTransit.IConsumer
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        if (log is not null) builder.Logging.AddProvider(log);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddSingleton<Outages>();
        builder.Services.AddSingleton(desk);
        builder.Services.AddControlTopics<TConsumer>(Broker.Bootstrap, Topics, Service);
        return builder.Build();
    }

    /// <summary>Holds each message until it is released or fails.</summary>
    private sealed class Desk
    {
        private readonly Channel<object> _begun = Channel.CreateUnbounded<object>();
        private readonly Channel<Exception?> _released = Channel.CreateUnbounded<Exception?>();

        public async Task HandleAsync(object message, CancellationToken cancel)
        {
            await _begun.Writer.WriteAsync(message, cancel);
            if (await _released.Reader.ReadAsync(cancel) is { } fault) throw fault;
        }

        public void Release() => Assert.True(_released.Writer.TryWrite(null));

        public void Fail(Exception fault) => Assert.True(_released.Writer.TryWrite(fault));

        /// <returns>The message whose handling begins next.</returns>
        public async Task<object> NextAsync() => await _begun.Reader.ReadAsync(Token).AsTask().WaitAsync(Patience, Token);
    }

    private sealed class DeskConsumer(Desk desk) : IConsumer<ControlCommand>
    {
        public Task Consume(ConsumeContext<ControlCommand> context) => desk.HandleAsync(context.Message, context.CancellationToken);
    }

    private sealed class BothConsumer(Desk desk) : IConsumer<ControlCommand>, IConsumer<ControlEvent>
    {
        public Task Consume(ConsumeContext<ControlCommand> context) => desk.HandleAsync(context.Message, context.CancellationToken);

        public Task Consume(ConsumeContext<ControlEvent> context) => desk.HandleAsync(context.Message, context.CancellationToken);
    }
}
