using MassTransit;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;

namespace StreamSettlement.Ingest;

/// <summary>
/// The subscription to the control topics, in a host of its own that lives while this ingest is the active one: all ingests share
/// one consumer group, and a standby must not be given a command.
/// </summary>
internal sealed class CommandFeed(
    IngestOptions options, CommandQueue commands, Readiness readiness, Outages outages, TimeProvider time, ILoggerFactory logs) : ICommandFeed
{
    public async Task<IAsyncDisposable> StartAsync(CancellationToken cancel)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddSingleton(logs);
        builder.Services.AddSingleton(readiness);
        builder.Services.AddSingleton(outages);
        builder.Services.AddSingleton(time);
        builder.Services.AddSingleton(commands);
        builder.Services.AddControlTopics<CommandConsumer>(options.KafkaBootstrap, options.Topics, "ingest");
        var host = builder.Build();
        await host.StartAsync(cancel);
        return new Subscription(host, commands);
    }

    private sealed class Subscription(IHost host, CommandQueue commands) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            // A command that waits for the loop keeps the reader from stopping; it is given back and read by the next active ingest.
            var stopping = host.StopAsync(CancellationToken.None);
            commands.GiveBack();
            await stopping;
            host.Dispose();
        }
    }
}

/// <summary>Awaits that the loop took the command over: only then its offset is stored.</summary>
internal sealed class CommandConsumer(CommandQueue commands) : IConsumer<ControlCommand>
{
    public Task Consume(ConsumeContext<ControlCommand> context) => commands.SubmitAsync(context.Message, context.CancellationToken);
}
