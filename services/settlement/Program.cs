using MassTransit;
using Npgsql;
using StreamSettlement.Hosting;
using StreamSettlement.Settlement;
using StreamSettlement.Settlement.Api;
using StreamSettlement.Settlement.Sink;
using StreamSettlement.Settlement.Source;

return await ServiceHost.RunAsync<SettlementOptions>(
    "Settlement",
    "http://127.0.0.1:8080",
    args,
    (services, options) =>
    {
        services.AddSingleton(NpgsqlDataSource.Create(options.Postgres));
        services.AddSingleton<SettlementTelemetry>();
        services.AddSingleton<Wakeup>();
        services.AddSingleton<IControlLog, KafkaControlLog>();
        services.AddSingleton<DayJournal>();
        services.AddSingleton<ISettlementStore>(provider => PostgresStore.Open(
            options.Postgres, provider.GetRequiredService<DayJournal>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<SettlementLoop>();
        services.AddHostedService<SettlementService>();
        services.AddHostedService(provider => ActivatorUtilities.CreateInstance<KafkaWatch>(provider, options.KafkaBootstrap, options.Topics.WithPrefix("settlement")));
        services.AddControlTopics<WakeupConsumer>(options.KafkaBootstrap, options.Topics, "settlement");
        SettlementApi.AddTo(services, options);
    },
    SettlementApi.Map);
