using StreamSettlement.Hosting;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Sink;
using StreamSettlement.Ingest.Source;

return await ServiceHost.RunAsync<IngestOptions>("Ingest", "http://127.0.0.1:8081", args, (services, options) =>
{
    services.AddControlTopics(options.KafkaBootstrap, options.Topics, "ingest");
    services.AddSingleton<IngestTelemetry>();
    services.AddSingleton<IngestMeters>();
    services.AddSingleton<CommandQueue>();
    services.AddSingleton<ICommandFeed, CommandFeed>();
    services.AddSingleton<ISource, MySqlSource>();
    services.AddSingleton<ILog, KafkaLog>();
    services.AddSingleton<IngestLoop>();
    services.AddHostedService<IngestService>();
    services.AddHostedService(provider => ActivatorUtilities.CreateInstance<KafkaWatch>(provider, options.KafkaBootstrap, options.Topics.WithPrefix("ingest")));
});
