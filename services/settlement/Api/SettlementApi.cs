using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Routing.Constraints;
using Microsoft.OpenApi;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Source;

namespace StreamSettlement.Settlement.Api;

/// <summary>The HTTP surface: slices, problem details, OpenAPI.</summary>
internal static class SettlementApi
{
    public static void AddTo(IServiceCollection services, SettlementOptions options)
    {
        OperatorAuth.AddTo(services, options.Auth);
        services.AddSingleton<DayAcceptance>();
        services.AddSingleton<DayQuery>();
        services.AddSingleton<LetterQuery>();
        services.AddSingleton<StatsQuery>();
        services.AddSingleton<LedgerQuery>();
        services.AddSingleton<DayCommands>();
        services.AddProblemDetails();
        services.AddExceptionHandler<DatabaseProblems>();
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.Converters.Add(new MicrosJsonConverter());
            json.SerializerOptions.Converters.Add(new JsonStringEnumConverter());
        });
        // The slim host leaves the regex constraint out; Swagger's own route needs it.
        services.Configure<RouteOptions>(routes => routes.SetParameterPolicy<RegexInlineRouteConstraint>("regex"));
        services.AddEndpointsApiExplorer();
        services.AddSwaggerGen(swagger =>
        {
            swagger.SwaggerDoc("v1", new OpenApiInfo
            {
                Title = "Stream Settlement",
                Version = "v1",
                Description = "Days, statistics, payouts and the ledger. Amounts are micro-units (1/1,000,000 of the currency) as strings: they pass 2^53.",
            });
            swagger.MapType<Micros>(() => new OpenApiSchema { Type = JsonSchemaType.String, Pattern = "^-?[0-9]+$" });
            swagger.MapType<BusinessDay>(() => new OpenApiSchema { Type = JsonSchemaType.String, Format = "date" });
        });
    }

    public static void Map(WebApplication app)
    {
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseSwagger();
        app.UseSwaggerUI(ui => ui.DocumentTitle = "Stream Settlement");
        app.MapGet("/", () => Results.Redirect("/swagger")).ExcludeFromDescription();
        DaysApi.Map(app);
        LettersApi.Map(app);
        StatsApi.Map(app);
        BooksApi.Map(app);
    }
}

/// <summary>Micros as a string of the whole number.</summary>
internal sealed class MicrosJsonConverter : JsonConverter<Micros>
{
    public override Micros Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && long.TryParse(reader.GetString(), CultureInfo.InvariantCulture, out var value)
            ? new Micros(value)
            : throw new JsonException("expected micro-units as a string of a whole number");

    public override void Write(Utf8JsonWriter writer, Micros value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.Value.ToString(CultureInfo.InvariantCulture));
}
