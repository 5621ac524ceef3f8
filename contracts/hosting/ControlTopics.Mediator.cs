using System.Text.Json;
using Confluent.Kafka;
using MassTransit;
using MassTransit.Mediator;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using StreamSettlement.Contracts;

namespace StreamSettlement.Hosting;

/// <summary>Built where the feed lacks MassTransit.Kafka.</summary>
public static partial class ControlTopics
{
    static partial void AddReader<TConsumer>(IServiceCollection services, ControlSource source)
        where TConsumer : class, MassTransit.IConsumer
    {
        services.AddMediator(mediator => mediator.AddConsumer<TConsumer>());
        services.AddHostedService(provider => ActivatorUtilities.CreateInstance<MediatorReader>(provider, source));
    }
}

/// <summary>
/// Reads the topics on a thread of its own and hands each message, awaited, to the mediator. The offset is stored after the consumer succeeded.
/// </summary>
internal sealed class MediatorReader(
    ControlSource source, IMediator mediator, Readiness readiness, Outages outages, TimeProvider time, ILogger<ControlTopicsReader> log)
    : ControlTopicsReader(source, readiness, outages, time, log)
{
    protected override async Task ReadAsync(CancellationToken stop)
    {
        while (true)
        {
            try
            {
                await Task.Factory.StartNew(() => Read(stop), stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);
                return;
            }
            catch (Exception fault) when (!stop.IsCancellationRequested)
            {
                // Whatever it was: a service that goes on deaf would never end a day again.
                Broken(fault);
                await Task.Delay(ControlSource.RetryAfter, Time, stop);
            }
        }
    }

    private void Read(CancellationToken stop)
    {
        var config = Source.Consumer;
        config.EnableAutoCommit = true;
        config.AutoCommitIntervalMs = 1_000;
        config.EnableAutoOffsetStore = false;
        // A group waits for a member that is at a message before it gives partitions to another: by default for five minutes.
        config.MaxPollIntervalMs = config.SessionTimeoutMs;
        using var consumer = new ConsumerBuilder<byte[], byte[]>(config)
            .SetErrorHandler((_, error) => Unreachable(error.Reason))
            .SetLogHandler((_, _) => { })
            .Build();
        consumer.Subscribe(Source.Consumed);
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
                Unreachable(transient.Error.Reason);
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
                TakenOver(record.Topic, record.Offset.Value);
            }
        }
        consumer.Close();
    }

    private async Task HandleAsync(ConsumeResult<byte[], byte[]> record, CancellationToken stop)
    {
        object message;
        try
        {
            message = record.Topic == Source.Topics.Commands
                ? ControlJson.Deserialize<ControlCommand>(record.Message.Value)
                : ControlJson.Deserialize<ControlEvent>(record.Message.Value);
        }
        catch (JsonException malformed)
        {
            Malformed(record.Topic, record.Offset.Value, malformed.Message);
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
                Failed(fault, record.Topic, record.Offset.Value);
                await Task.Delay(ControlSource.RetryAfter, Time, stop);
            }
        }
    }
}
