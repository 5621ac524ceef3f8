using MassTransit;
using Npgsql;
using StreamSettlement.Aggregator;
using StreamSettlement.Aggregator.Sink;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Hosting;

return await ServiceHost.RunAsync<AggregatorOptions>("Aggregator", "http://127.0.0.1:8082", args, (services, options) =>
{
    services.AddControlTopics<LetterConsumer>(options.KafkaBootstrap, options.Topics, "aggregator");
    services.AddSingleton<LetterDesk>();
    services.AddSingleton(_ => NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(options.Postgres) { ApplicationName = RollupStore.ApplicationName }.ConnectionString));
    services.AddSingleton<AggregatorTelemetry>();
    services.AddSingleton<DeadLetterTopics>();
    services.AddSingleton<ILog, KafkaLog>();
    services.AddSingleton<IRollupStore>(provider =>
        new RollupStore(
            provider.GetRequiredService<NpgsqlDataSource>(), $"{Environment.MachineName}/{Environment.ProcessId}", provider.GetRequiredService<TimeProvider>())
        {
            SessionsEnded = provider.GetRequiredService<AggregatorTelemetry>().EndedSessions,
        });
    services.AddSingleton<AggregatorLoop>();
    services.AddHostedService<AggregatorService>();
});
