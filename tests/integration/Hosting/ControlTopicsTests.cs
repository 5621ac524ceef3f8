using System.Text;
using System.Threading.Channels;
using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;
using StreamSettlement.IntegrationTests.Broker;

namespace StreamSettlement.IntegrationTests.Hosting;

public sealed class ControlTopicsTests(Servers servers) : BrokerTest(servers)
{
    private const string Service = "test";
    private static readonly Topics Topics = new("");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_message_whose_partition_goes_to_another_while_it_is_handled_is_handled_again_and_stops_nobody()
    {
        var desk = new Desk();
        using var host = Build(desk);
        var stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        await host.StartAsync(Token);
        var asked = new ControlCommand(CommandKind.EndDay, BusinessDay.Parse("2026-11-21"), "alice");
        await host.Services.GetRequiredService<ControlProducer>().SendAsync(asked, Token);
        await desk.NextAsync(stopping);

        // Members are given partitions in the order of their names: this one takes them all.
        using (var other = Consumer(Topics.ControlGroup(Service), config => config.ClientId = "a"))
        {
            other.Subscribe([Topics.Commands, Topics.Events]);
            ConsumeResult<string?, string> record;
            do record = other.Consume(Token);
            while (record.IsPartitionEOF);
            Assert.Equal(asked, ControlJson.Deserialize<ControlCommand>(Encoding.UTF8.GetBytes(record.Message.Value)));
            desk.Release();
            other.Close();
        }

        Assert.Equal(asked, await desk.NextAsync(stopping));
        desk.Release();
        var next = asked with { Kind = CommandKind.RepairDay };
        await host.Services.GetRequiredService<ControlProducer>().SendAsync(next, Token);
        Assert.Equal(next, await desk.NextAsync(stopping));
        desk.Release();
        await host.StopAsync(Token);
    }

    private IHost Build(Desk desk)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddSingleton<Outages>();
        builder.Services.AddSingleton(desk);
        builder.Services.AddControlTopics(Broker.Bootstrap, Topics, Service, consumers => consumers.AddConsumer<DeskConsumer>());
        return builder.Build();
    }

    /// <summary>Holds each command until it is released.</summary>
    private sealed class Desk
    {
        private readonly Channel<ControlCommand> _begun = Channel.CreateUnbounded<ControlCommand>();
        private readonly Channel<bool> _released = Channel.CreateUnbounded<bool>();

        public async Task HandleAsync(ControlCommand command, CancellationToken cancel)
        {
            await _begun.Writer.WriteAsync(command, cancel);
            await _released.Reader.ReadAsync(cancel);
        }

        public void Release() => Assert.True(_released.Writer.TryWrite(true));

        /// <returns>The command whose handling begins next.</returns>
        /// <exception cref="OperationCanceledException">The host stops instead.</exception>
        public async Task<ControlCommand> NextAsync(CancellationToken stopping) =>
            await _begun.Reader.ReadAsync(stopping).AsTask().WaitAsync(Patience, Token);
    }

    private sealed class DeskConsumer(Desk desk) : MassTransit.IConsumer<ControlCommand>
    {
        public Task Consume(ConsumeContext<ControlCommand> context) => desk.HandleAsync(context.Message, context.CancellationToken);
    }
}
