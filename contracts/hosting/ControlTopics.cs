using System.Text.Json;
using Confluent.Kafka;
using MassTransit;
using MassTransit.Mediator;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StreamSettlement.Contracts;

namespace StreamSettlement.Hosting;

/// <summary>
/// The control topics where the feed lacks MassTransit.Kafka: read by Confluent.Kafka and handed, awaited, to the same
/// MassTransit consumers through the mediator. The offset is stored after the consumer succeeded, so a message is handled at
/// least once.
/// </summary>
public static class ControlTopics
{
    /// <param name="service">Consumer group <see cref="Topics.ControlGroup"/>; every instance of a service shares its messages.</param>
    /// <param name="consumers">Adds consumers of <see cref="ControlCommand"/> and <see cref="ControlEvent"/>.</param>
    public static IServiceCollection AddControlTopics(
        this IServiceCollection services, string bootstrap, Topics topics, string service, Action<IMediatorRegistrationConfigurator>? consumers = null)
    {
        services.AddSingleton(provider => new ControlProducer(bootstrap, topics, service, provider.GetRequiredService<TimeProvider>()));
        if (consumers is null) return services;
        services.AddMediator(consumers);
        services.AddHostedService(provider => ActivatorUtilities.CreateInstance<ControlTopicsReader>(provider, bootstrap, topics, service));
        return services;
    }
}

/// <summary>Writes control messages; acknowledged by the broker before a call returns.</summary>
/// <param name="service">Name of the service that sends; the client id is <see cref="Topics.ControlGroup"/>.</param>
public sealed class ControlProducer(string bootstrap, Topics topics, string service, TimeProvider time) : IDisposable
{
    private volatile Lazy<IProducer<string, byte[]>> _producer = New(bootstrap, topics, service);

    private static Lazy<IProducer<string, byte[]>> New(string bootstrap, Topics topics, string service) => new(() =>
        KafkaTopics.Knowing(new ProducerBuilder<string, byte[]>(new ProducerConfig
        {
            BootstrapServers = bootstrap,
            ClientId = topics.ControlGroup(service),
            EnableIdempotence = true,
            Acks = Acks.All,
            LingerMs = 0,
            MessageTimeoutMs = 10_000,
        })
        .SetLogHandler((_, _) => { }) // what matters comes back as the exception of the call
        .SetErrorHandler((_, _) => { })
        .Build(), topics.Events, topics.Commands));

    /// <exception cref="KafkaException">Not acknowledged within 10 s; nothing may be assumed about it.</exception>
    public Task SendAsync(ControlCommand command, CancellationToken cancel) =>
        ProduceAsync(topics.Commands, command.Day, ControlJson.Serialize(command), cancel);

    /// <inheritdoc cref="SendAsync"/>
    public Task PublishAsync(ControlEvent happened, CancellationToken cancel) =>
        ProduceAsync(topics.Events, happened.Day, ControlJson.Serialize(happened), cancel);

    public void Dispose()
    {
        if (_producer.IsValueCreated) _producer.Value.Dispose();
    }

    private async Task ProduceAsync(string topic, BusinessDay day, byte[] json, CancellationToken cancel)
    {
        var producer = _producer;
        try
        {
            await producer.Value.ProduceAsync(topic, new Message<string, byte[]>
            {
                Key = day.ToString(),
                Value = json,
                Timestamp = new Timestamp(time.GetUtcNow()),
            }, cancel);
        }
        catch (KafkaException fatal) when (fatal.Error.IsFatal)
        {
            // A broker lost what it had acknowledged, for example: this producer takes nothing any more, the next call has a new one.
            if (Interlocked.CompareExchange(ref _producer, New(bootstrap, topics, service), producer) == producer) producer.Value.Dispose();
            throw;
        }
    }
}

/// <summary>Reads both control topics on a thread of its own and hands each message to the mediator.</summary>
internal sealed partial class ControlTopicsReader(
    string bootstrap, Topics topics, string service, IMediator mediator, Readiness readiness, Outages outages,
    TimeProvider time, ILogger<ControlTopicsReader> log) : BackgroundService
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        readiness.Expect("kafka");
        await outages.RetryAsync("kafka", Transient.Kafka, async _ =>
        {
            await Task.Yield();
            await KafkaTopics.EnsureAsync(bootstrap, topics.ControlGroup(service),
                topics.All(Limits.PartitionsDefault).Where(topic => topic.Name == topics.Commands || topic.Name == topics.Events));
        }, stoppingToken);
        while (true)
        {
            try
            {
                await Task.Factory.StartNew(() => Read(stoppingToken), stoppingToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
                return;
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                // Whatever it was: a service that goes on deaf would never end a day again.
                Broken(log, fault, fault.Message);
                await Task.Delay(RetryAfter, time, stoppingToken);
            }
        }
    }

    private void Read(CancellationToken stop)
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig
        {
            BootstrapServers = bootstrap,
            GroupId = topics.ControlGroup(service),
            ClientId = topics.ControlGroup(service),
            AutoOffsetReset = AutoOffsetReset.Earliest,
            EnableAutoCommit = true,
            AutoCommitIntervalMs = 1_000,
            EnableAutoOffsetStore = false,
            SessionTimeoutMs = 10_000,
        })
        .SetErrorHandler((_, error) => Unreachable(log, error.Reason))
        .SetLogHandler((_, _) => { })
        .Build();
        consumer.Subscribe([topics.Commands, topics.Events]);
        while (!stop.IsCancellationRequested)
        {
            ConsumeResult<byte[], byte[]> record;
            try
            {
                record = consumer.Consume(stop);
            }
            catch (OperationCanceledException)
            {
                break;
            }
            catch (ConsumeException transient) when (Transient.Kafka(transient))
            {
                Unreachable(log, transient.Error.Reason);
                continue;
            }
            try
            {
                HandleAsync(record, stop).GetAwaiter().GetResult();
                consumer.StoreOffset(record);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                break;
            }
            catch (KafkaException taken) when (taken.Error.Code == ErrorCode.Local_State)
            {
                // This process stood still, or the message took long: the group gave its partition to another meanwhile.
                TakenOver(log, record.Topic, record.Offset.Value);
            }
        }
        consumer.Close();
    }

    private async Task HandleAsync(ConsumeResult<byte[], byte[]> record, CancellationToken stop)
    {
        object message;
        try
        {
            message = record.Topic == topics.Commands
                ? ControlJson.Deserialize<ControlCommand>(record.Message.Value)
                : ControlJson.Deserialize<ControlEvent>(record.Message.Value);
        }
        catch (JsonException malformed)
        {
            Malformed(log, record.Topic, record.Offset.Value, malformed.Message);
            return;
        }
        while (true)
        {
            try
            {
                await mediator.Publish(message, message.GetType(), stop);
                return;
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                // Kept at this message: skipping a command would lose it silently, and the reason may pass (a server that is down).
                Failed(log, fault, record.Topic, record.Offset.Value);
                await Task.Delay(RetryAfter, time, stop);
            }
        }
    }

    [LoggerMessage(411, LogLevel.Warning, "control topics: {Reason}")]
    private static partial void Unreachable(ILogger log, string reason);

    [LoggerMessage(412, LogLevel.Error, "{Topic}@{Offset} is no control message and was passed over: {Reason}")]
    private static partial void Malformed(ILogger log, string topic, long offset, string reason);

    [LoggerMessage(413, LogLevel.Error, "{Topic}@{Offset} could not be handled, trying again")]
    private static partial void Failed(ILogger log, Exception fault, string topic, long offset);

    [LoggerMessage(414, LogLevel.Warning, "{Topic}@{Offset} was handled, but its partition had gone to another instance by then, which handles it again")]
    private static partial void TakenOver(ILogger log, string topic, long offset);

    [LoggerMessage(415, LogLevel.Error, "control topics can't be read, beginning anew: {Reason}")]
    private static partial void Broken(ILogger log, Exception fault, string reason);
}
