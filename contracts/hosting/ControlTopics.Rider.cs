using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Confluent.Kafka;
using MassTransit;
using MassTransit.KafkaIntegration.Serializers;
using MassTransit.Transports;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using StreamSettlement.Contracts;
using Headers = Confluent.Kafka.Headers;

namespace StreamSettlement.Hosting;

/// <summary>Built with <c>KafkaRider=true</c>.</summary>
public static partial class ControlTopics
{
    static partial void AddReader<TConsumer>(IServiceCollection services, ControlSource source)
        where TConsumer : class, MassTransit.IConsumer
    {
        services.Configure<MassTransitHostOptions>(host =>
        {
            host.WaitUntilStarted = true;
            // Without it a stop waits for as long as a message can't be handled.
            host.ConsumerStopTimeout = TimeSpan.Zero;
        });
        services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            // Nothing goes over the bus: it is there because a rider needs one.
            bus.UsingInMemory();
            bus.AddRider(rider =>
            {
                rider.AddConsumer<TConsumer>();
                // Endpoints are connected later, when there are brokers and topics.
                rider.UsingKafka(new ClientConfig { BootstrapServers = source.Bootstrap, ClientId = source.Group }, (_, _) => { });
            });
        });
        services.AddHostedService(provider => ActivatorUtilities.CreateInstance<RiderReader<TConsumer>>(provider, source));
    }
}

/// <summary>
/// Connects an endpoint of MassTransit's Kafka rider for each topic. By itself the rider waits up to half a minute before it tries a faulted endpoint again, and
/// drops a message whose handling failed: an endpoint whose client has ended is replaced here, and <see cref="KeptMessage"/> stays at a message.
/// </summary>
internal sealed class RiderReader<TConsumer>(
    ControlSource source, IBusInstance bus, Readiness readiness, Outages outages, TimeProvider time, ILogger<ControlTopicsReader> log)
    : ControlTopicsReader(source, readiness, outages, time, log)
    where TConsumer : class, MassTransit.IConsumer
{
    /// <summary>Messages that wait behind the one being handled. Beyond it the rider stops polling and the group takes it for dead.</summary>
    private const int WaitingMax = 10_000;

    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(10);

    protected override Task ReadAsync(CancellationToken stop)
    {
        // Each endpoint blocks a thread of the pool for as long as it lives.
        ThreadPool.GetMinThreads(out var workers, out var ports);
        ThreadPool.SetMinThreads(Math.Max(workers, Environment.ProcessorCount + Source.Consumed.Count), ports);
        return Task.WhenAll(Source.Consumed.Select(topic =>
            topic == Source.Topics.Commands ? ReadAsync<ControlCommand>(topic, stop) : ReadAsync<ControlEvent>(topic, stop)));
    }

    private async Task ReadAsync<T>(string topic, CancellationToken stop)
        where T : class
    {
        while (true)
        {
            var watch = new EndpointWatch();
            var endpoint = bus.GetRider<IKafkaRider>().ConnectTopicEndpoint<Ignore, T>(topic, Source.Consumer, (context, configurator) => Configure(context, configurator, watch));
            Exception? fault;
            try
            {
                fault = await watch.Ended.WaitAsync(stop);
            }
            finally
            {
                await StopAsync(topic, endpoint, watch);
            }
            if (fault is null) Unreachable($"the client that reads {topic} has ended and is replaced");
            else if (fault is ConnectionException { InnerException: KafkaException kafka } && Transient.Kafka(kafka)) Unreachable(kafka.Error.Reason);
            else Broken(fault);
            await Task.Delay(ControlSource.RetryAfter, Time, stop);
            // The rider's clients say the same twice a second while the brokers are away.
            await AreThereAsync(stop);
        }
    }

    private void Configure<T>(IRiderRegistrationContext context, IKafkaTopicReceiveEndpointConfigurator<Ignore, T> endpoint, EndpointWatch watch)
        where T : class
    {
        endpoint.SetValueDeserializer(new JsonValue<T>());
        endpoint.SetHeadersDeserializer(new NoHeaders());
        endpoint.ConcurrentMessageLimit = 1;
        endpoint.PrefetchCount = WaitingMax;
        endpoint.MessageLimit = WaitingMax;
        // Each offset is committed once its message was handled; the rider's default is a minute.
        endpoint.CheckpointMessageCount = 1;
        endpoint.CheckpointInterval = TimeSpan.FromSeconds(1);
        // A partition that the group takes away is held until its messages were handled, but no longer than this.
        endpoint.MaxPollInterval = TimeSpan.FromMilliseconds(Source.Consumer.SessionTimeoutMs!.Value);
        endpoint.ConnectReceiveEndpointObserver(watch);
        endpoint.ConfigureReceive(receive => receive.UseFilter(new ReadableMessage<T>(this)));
        endpoint.UseFilter(new KeptMessage(this));
        // By type: ConfigureConsumers gives a consumer to the first endpoint that asks, and the other topic's messages are skipped.
        endpoint.ConfigureConsumer<TConsumer>(context);
    }

    /// <summary>An endpoint whose client was not assigned partitions yet can't be stopped: the client would stay in the group for as long as the process lives.</summary>
    private async Task StopAsync(string topic, HostReceiveEndpointHandle endpoint, EndpointWatch watch)
    {
        using var patience = new CancellationTokenSource(StopWithin, Time);
        try
        {
            await Task.WhenAny(endpoint.Ready, watch.Ended).WaitAsync(patience.Token);
            await endpoint.StopAsync(patience.Token);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            Unreachable($"the client that reads {topic} did not end within {StopWithin.TotalSeconds:0} s");
        }
    }

    private Task RetryAsync(Exception fault, KafkaConsumeContext record, CancellationToken cancel)
    {
        Failed(fault, record.Topic, record.Offset);
        return Task.Delay(ControlSource.RetryAfter, Time, cancel);
    }

    /// <summary>Passes over what is no control message. Outside of it the rider takes any fault for the end of the message, so it lets none through.</summary>
    private sealed class ReadableMessage<T>(RiderReader<TConsumer> reader) : IFilter<ReceiveContext>
        where T : class
    {
        public async Task Send(ReceiveContext context, IPipe<ReceiveContext> next)
        {
            var record = context.GetPayload<KafkaConsumeContext>();
            while (true)
            {
                try
                {
                    context.GetPayload<ConsumeContext>().TryGetMessage<T>(out _);
                    break;
                }
                catch (JsonException malformed)
                {
                    reader.Malformed(record.Topic, record.Offset, malformed.Message);
                    return;
                }
                catch (Exception fault)
                {
                    await reader.RetryAsync(fault, record, context.CancellationToken);
                }
            }
            await next.Send(context);
        }

        public void Probe(ProbeContext context) => context.CreateFilterScope("readableMessage");
    }

    /// <summary>
    /// Stays at a message until it is handled: a fault that left the endpoint's pipe would count as handled, and the next message would be committed over it.
    /// </summary>
    private sealed class KeptMessage(RiderReader<TConsumer> reader) : IFilter<ConsumeContext>
    {
        public async Task Send(ConsumeContext context, IPipe<ConsumeContext> next)
        {
            while (true)
            {
                try
                {
                    await next.Send(context);
                    return;
                }
                catch (Exception fault)
                {
                    // Ended by a stop, or because the client is replaced: as a cancellation it is not committed, whatever the consumer made of it.
                    context.CancellationToken.ThrowIfCancellationRequested();
                    await reader.RetryAsync(fault, context.GetPayload<KafkaConsumeContext>(), context.CancellationToken);
                }
            }
        }

        public void Probe(ProbeContext context) => context.CreateFilterScope("keptMessage");
    }

    private sealed class JsonValue<T> : IDeserializer<T>
    {
        public T Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context) => ControlJson.Deserialize<T>(data);
    }

    /// <summary>Ours have none, and the headers of others mean nothing here.</summary>
    private sealed class NoHeaders : IHeadersDeserializer
    {
        public IHeaderProvider Deserialize(Headers headers) => new Nothing();

        private sealed class Nothing : IHeaderProvider
        {
            public IEnumerable<KeyValuePair<string, object>> GetAll() => [];

            public bool TryGetHeader(string key, [NotNullWhen(true)] out object? value)
            {
                value = null;
                return false;
            }
        }
    }
}

/// <summary>Completes when an endpoint's client has ended without being told to.</summary>
internal sealed class EndpointWatch : IReceiveEndpointObserver
{
    private readonly TaskCompletionSource<Exception?> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Why; null where only a log line of the rider's says it.</summary>
    public Task<Exception?> Ended => _ended.Task;

    Task IReceiveEndpointObserver.Ready(ReceiveEndpointReady ready) => Task.CompletedTask;

    Task IReceiveEndpointObserver.Stopping(ReceiveEndpointStopping stopping) => Task.CompletedTask;

    Task IReceiveEndpointObserver.Completed(ReceiveEndpointCompleted completed)
    {
        _ended.TrySetResult(null);
        return Task.CompletedTask;
    }

    Task IReceiveEndpointObserver.Faulted(ReceiveEndpointFaulted faulted)
    {
        _ended.TrySetResult(faulted.Exception);
        return Task.CompletedTask;
    }
}
