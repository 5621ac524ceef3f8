using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Confluent.Kafka;
using Npgsql;
using StreamSettlement.Cli.Api;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;

namespace StreamSettlement.Cli.Commands;

/// <summary>Services, lag and days at a glance; exit 0 when every service that can be asked is ready.</summary>
internal static class StatusCommand
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create(Terminal terminal, TimeProvider time)
    {
        var json = new Option<bool>("--json") { Description = "As one JSON object." };
        var command = new Command("status", "Show services, lag, watermarks and days.") { json };
        command.SetAction(async (parsed, token) =>
        {
            var status = await ReadAsync(time, token);
            if (parsed.GetValue(json)) terminal.Line(status.ToJsonString(Indented));
            else Write(terminal, status);
            return status["ready"]!.GetValue<bool>() ? ExitCodes.Done : ExitCodes.Refused;
        });
        return command;
    }

    private static async Task<JsonObject> ReadAsync(TimeProvider time, CancellationToken token)
    {
        // With SETTLEMENT_API another deployment is meant, of which nothing but the API is known.
        var local = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("SETTLEMENT_API")) ? LocalStates.Running() : null;
        using var api = SettlementApi.FromEnvironment(LocalStates.Running, time);
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        var services = new JsonObject { ["settlement"] = await HealthAsync(http, api.Address, token) };
        if (local is not null)
        {
            services["ingest"] = await HealthAsync(http, local.IngestApi, token);
            services["aggregator"] = await HealthAsync(http, local.AggregatorApi, token);
        }
        var ready = services.All(service => service.Value!["ready"]!.GetValue<bool>());
        return new JsonObject
        {
            ["api"] = api.Address.ToString().TrimEnd('/'),
            ["at"] = time.GetUtcNow().ToString("O", CultureInfo.InvariantCulture),
            ["ready"] = ready,
            ["servers"] = local is null ? null : new JsonObject(local.Servers.Select(server => KeyValuePair.Create(server.Key, (JsonNode?)server.Value))),
            ["services"] = services,
            ["streams"] = local is null ? null : await StreamsAsync(local, token),
            ["days"] = services["settlement"]!["ready"]!.GetValue<bool>() ? await api.DaysAsync(token) : null,
        };
    }

    private static async Task<JsonObject> HealthAsync(HttpClient http, Uri address, CancellationToken token)
    {
        try
        {
            using var response = await http.GetAsync(new Uri(address, "/health/ready"), token);
            return new JsonObject { ["ready"] = response.IsSuccessStatusCode, ["health"] = JsonNode.Parse(await response.Content.ReadAsStringAsync(token)) };
        }
        catch (Exception e) when ((e is HttpRequestException or TaskCanceledException or JsonException) && !token.IsCancellationRequested)
        {
            return new JsonObject { ["ready"] = false, ["health"] = e.Message };
        }
    }

    /// <summary>Per stream: records in Kafka, records behind the aggregator's stored positions, and the difference.</summary>
    private static async Task<JsonObject> StreamsAsync(StackEndpoints local, CancellationToken token)
    {
        var stored = await StoredAsync(local, token);
        var streams = new JsonObject();
        var topics = local.Topics;
        using var consumer = new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig
        {
            BootstrapServers = local.KafkaBootstrap,
            GroupId = topics.WithPrefix("settlement-status"),
            ClientId = topics.WithPrefix("settlement-status"),
        }).SetLogHandler((_, _) => { }).Build();
        foreach (var stream in SourceStreams.All)
        {
            long ends = 0, behind = 0;
            foreach (var (partition, next) in stored.Where(row => row.Stream == stream.Name()).Select(row => (row.Partition, row.Next)))
            {
                try
                {
                    var end = consumer.QueryWatermarkOffsets(new TopicPartition(topics.Of(stream), partition), TimeSpan.FromSeconds(5)).High.Value;
                    (ends, behind) = (ends + end, behind + Math.Max(0, end - next));
                }
                catch (KafkaException e)
                {
                    throw new DevStackException($"The broker at {local.KafkaBootstrap} does not say where {topics.Of(stream)} ends: {e.Error.Reason}", e);
                }
            }
            streams[stream.Name()] = new JsonObject { ["published"] = ends, ["aggregated"] = ends - behind, ["lag"] = behind };
        }
        return streams;
    }

    private static async Task<List<(string Stream, int Partition, long Next)>> StoredAsync(StackEndpoints local, CancellationToken token)
    {
        try
        {
            await using var source = NpgsqlDataSource.Create(local.Postgres);
            await using var command = source.CreateCommand("select stream, partition, next_offset from rollup.progress");
            await using var reader = await command.ExecuteReaderAsync(token);
            var rows = new List<(string, int, long)>();
            while (await reader.ReadAsync(token)) rows.Add((reader.GetString(0), reader.GetInt32(1), reader.GetInt64(2)));
            return rows;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return []; // the aggregator has not made its schema yet
        }
        catch (NpgsqlException e)
        {
            throw new DevStackException($"PostgreSQL does not answer: {e.Message}", e);
        }
    }

    private static void Write(Terminal terminal, JsonObject status)
    {
        terminal.Line($"API {status["api"]}");
        if (status["servers"] is JsonObject servers)
            foreach (var (name, server) in servers) terminal.Line($"  {name,-12}{server}");
        foreach (var (name, service) in status["services"]!.AsObject())
            terminal.Line($"  {name,-12}{(service!["ready"]!.GetValue<bool>() ? "ready" : $"not ready: {service["health"]?.ToJsonString()}")}");
        if (status["streams"] is JsonObject streams)
            foreach (var (name, stream) in streams)
                terminal.Line($"  {name,-12}{stream!["published"]!.GetValue<long>(),12:N0} records in Kafka, {stream["aggregated"]!.GetValue<long>(),12:N0} aggregated, lag {stream["lag"]!.GetValue<long>():N0}");
        if (status["days"] is not JsonArray { Count: > 0 } days)
        {
            terminal.Line("  no day yet");
            return;
        }
        foreach (var day in days) terminal.Line($"  {day!["day"] ?? day["date"] ?? day["logDate"],-12}{day["status"]}{(day["refusal"] is { } refusal ? $" ({refusal})" : "")}");
    }
}
