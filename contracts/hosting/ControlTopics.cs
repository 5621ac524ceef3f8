using Confluent.Kafka;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StreamSettlement.Contracts;

namespace StreamSettlement.Hosting;

/// <summary>
/// The control topics. What is written is the same in every build. What reads them is one of two, chosen by the MSBuild property <c>KafkaRider</c>:
/// MassTransit's Kafka rider (<c>ControlTopics.Rider.cs</c>), or Confluent.Kafka with MassTransit's mediator (<c>ControlTopics.Mediator.cs</c>) where
/// the feed lacks the package MassTransit.Kafka. Either hands a message to the same consumers, at least once, and stays at it until it is handled.
/// </summary>
public static partial class ControlTopics
{
    /// <summary>For a service that only writes them.</summary>
    public static IServiceCollection AddControlTopics(this IServiceCollection services, string bootstrap, Topics topics, string service) =>
        services.AddSingleton(provider => new ControlProducer(bootstrap, topics, service, provider.GetRequiredService<TimeProvider>()));

    /// <param name="service">Consumer group <see cref="Topics.ControlGroup"/>; every instance of a service shares its messages.</param>
    /// <typeparam name="TConsumer">Consumes <see cref="ControlCommand"/>, <see cref="ControlEvent"/> or both; a topic that it does not consume is not read.</typeparam>
    public static IServiceCollection AddControlTopics<TConsumer>(this IServiceCollection services, string bootstrap, Topics topics, string service)
        where TConsumer : class, MassTransit.IConsumer
    {
        services.AddControlTopics(bootstrap, topics, service);
        AddReader<TConsumer>(services, new ControlSource(
            bootstrap, topics, topics.ControlGroup(service),
            [.. Topic<TConsumer, ControlCommand>(topics.Commands), .. Topic<TConsumer, ControlEvent>(topics.Events)]));
        return services;
    }

    static partial void AddReader<TConsumer>(IServiceCollection services, ControlSource source)
        where TConsumer : class, MassTransit.IConsumer;

    private static string[] Topic<TConsumer, T>(string topic)
        where T : class =>
        typeof(IConsumer<T>).IsAssignableFrom(typeof(TConsumer)) ? [topic] : [];
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

/// <summary>Where a service reads control messages.</summary>
/// <param name="Group">Consumer group and client id.</param>
/// <param name="Consumed">The topics that it reads.</param>
internal sealed record ControlSource(string Bootstrap, Topics Topics, string Group, IReadOnlyList<string> Consumed)
{
    /// <summary>How long a message, or the client, is left alone after it failed.</summary>
    public static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(2);

    public ConsumerConfig Consumer => new()
    {
        BootstrapServers = Bootstrap,
        GroupId = Group,
        ClientId = Group,
        AutoOffsetReset = AutoOffsetReset.Earliest,
        SessionTimeoutMs = 10_000,
    };
}

/// <summary>Reads the control topics for as long as the process lives, once they are there.</summary>
internal abstract partial class ControlTopicsReader(
    ControlSource source, Readiness readiness, Outages outages, TimeProvider time, ILogger<ControlTopicsReader> log) : BackgroundService
{
    private static readonly TimeSpan LogEvery = TimeSpan.FromMinutes(1);

    private readonly Lock _saying = new();
    private long? _saidAt;

    protected ControlSource Source => source;

    protected TimeProvider Time => time;

    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        readiness.Expect("kafka");
        await AreThereAsync(stoppingToken);
        await ReadAsync(stoppingToken);
    }

    protected abstract Task ReadAsync(CancellationToken stop);

    /// <summary>Waits until the brokers can be reached, and creates the topics where they are missing.</summary>
    protected async Task AreThereAsync(CancellationToken stop) => await outages.RetryAsync("kafka", Transient.Kafka, async _ =>
    {
        await Task.Yield();
        await KafkaTopics.EnsureAsync(source.Bootstrap, source.Group,
            source.Topics.All(Limits.PartitionsDefault).Where(topic => topic.Name == source.Topics.Commands || topic.Name == source.Topics.Events));
    }, stop);

    /// <summary>Once a minute: the client tries to connect twenty times a second and says so each time.</summary>
    protected void Unreachable(string reason)
    {
        lock (_saying)
        {
            if (_saidAt is { } said && time.GetElapsedTime(said) < LogEvery) return;
            _saidAt = time.GetTimestamp();
        }
        Unreachable(log, reason);
    }

    protected void Malformed(string topic, long offset, string reason) => Malformed(log, topic, offset, reason);

    protected void Failed(Exception fault, string topic, long offset) => Failed(log, fault, topic, offset);

    protected void TakenOver(string topic, long offset) => TakenOver(log, topic, offset);

    protected void Broken(Exception fault) => Broken(log, fault, fault.Message);

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
