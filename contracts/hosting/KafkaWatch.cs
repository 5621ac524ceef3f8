using Confluent.Kafka;
using Microsoft.Extensions.Hosting;
using StreamSettlement.Contracts;

namespace StreamSettlement.Hosting;

/// <summary>
/// Asks the brokers for their metadata now and then. A service that sends seldom may not notice for days that they are gone;
/// readiness and the log should.
/// </summary>
/// <param name="clientId">Client id of the requests; see <see cref="Topics.WithPrefix"/>.</param>
public sealed class KafkaWatch(string bootstrap, string clientId, Outages outages, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap, ClientId = clientId })
            .SetLogHandler((_, _) => { }) // the exception of the call says the same
            .SetErrorHandler((_, _) => { })
            .Build();
        while (!stoppingToken.IsCancellationRequested)
        {
            // The client's call blocks: on a thread of the pool, not on the loop's.
            await outages.RetryAsync("kafka", Transient.Kafka,
                async cancel => await Task.Run(() => admin.GetMetadata(AnswerWithin), cancel), stoppingToken);
            await Task.Delay(AskEvery, time, stoppingToken);
        }
    }
}
