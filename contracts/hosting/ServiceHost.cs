using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace StreamSettlement.Hosting;

/// <summary>
/// What is the same in every service's start: configuration refused before anything is touched, health, metrics, logs on the
/// console, an exit code that says how it ended.
/// </summary>
public static class ServiceHost
{
    /// <summary>The configuration was refused; nothing was touched.</summary>
    public const int ExitConfiguration = 2;

    /// <summary>The service stopped because of a fault that retrying does not mend; the last log line says which.</summary>
    public const int ExitFault = 1;

    /// <param name="section">Configuration section of the options: <c>Ingest</c> for <c>Ingest:KafkaBootstrap</c>.</param>
    /// <param name="defaultUrl">Address when neither <c>Urls</c> nor <c>ASPNETCORE_URLS</c> says another.</param>
    /// <param name="configure">Registers the service's own parts.</param>
    /// <param name="map">Maps the service's own routes.</param>
    /// <returns>0 after a stop that was asked for, <see cref="ExitConfiguration"/> or <see cref="ExitFault"/> otherwise.</returns>
    public static async Task<int> RunAsync<TOptions>(
        string section,
        string defaultUrl,
        string[] args,
        Action<IServiceCollection, TOptions> configure,
        Action<WebApplication>? map = null)
        where TOptions : class
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        if (string.IsNullOrEmpty(builder.Configuration["Urls"])) builder.Configuration["Urls"] = defaultUrl;

        var (options, refusals) = ConfigurationRefusals.Bind<TOptions>(builder.Configuration, section);
        if (options is null)
        {
            foreach (var refusal in refusals) await Console.Error.WriteLineAsync($"configuration: {refusal}");
            return ExitConfiguration;
        }

        builder.Logging.ClearProviders();
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
        });
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Logging.AddFilter("MassTransit", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Warning);

        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddSingleton<Outages>();
        builder.Services.AddSingleton<PrometheusText>();
        // A background service that faults takes the process down: the supervisor restarts it, the state tables say where it was.
        builder.Services.Configure<HostOptions>(host =>
        {
            host.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.StopHost;
            host.ShutdownTimeout = TimeSpan.FromSeconds(20);
        });
        configure(builder.Services, options);

        await using var app = builder.Build();
        app.Services.GetRequiredService<PrometheusText>().Start();
        HealthRoutes.Map(app);
        map?.Invoke(app);
        var background = app.Services.GetServices<IHostedService>().OfType<BackgroundService>().ToList();
        try
        {
            await app.RunAsync();
        }
        catch (Exception fatal) when (fatal is not OperationCanceledException)
        {
            await Console.Error.WriteLineAsync($"{section.ToLowerInvariant()}: stopped by {fatal.GetType().Name}: {fatal.Message}");
            return ExitFault;
        }
        return background.Exists(service => service.ExecuteTask is { IsFaulted: true }) ? ExitFault : 0;
    }
}

/// <summary>Binds a section to its options; what is missing, malformed, out of range or unknown is a refusal, by key.</summary>
public static class ConfigurationRefusals
{
    /// <returns>The options, or null with at least one refusal. A refusal names the key, the value and what is expected.</returns>
    public static (TOptions? Options, IReadOnlyList<string> Refusals) Bind<TOptions>(IConfiguration configuration, string section)
        where TOptions : class
    {
        TOptions? options;
        try
        {
            options = configuration.GetSection(section).Get<TOptions>(binder => binder.ErrorOnUnknownConfiguration = true)
                ?? Activator.CreateInstance<TOptions>();
        }
        catch (InvalidOperationException malformed)
        {
            // The binder's message names key, value and type; the inner one what the type wants.
            var why = malformed.InnerException is { } inner ? $"{malformed.Message} {inner.Message}" : malformed.Message;
            return (null, [$"{section}: {why}"]);
        }

        var results = new List<ValidationResult>();
        if (Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true)) return (options, []);
        return (null, [.. results.SelectMany(result => Refusals(options, section, result))]);
    }

    private static IEnumerable<string> Refusals<TOptions>(TOptions options, string section, ValidationResult result)
    {
        foreach (var member in result.MemberNames.DefaultIfEmpty("?"))
        {
            var value = typeof(TOptions).GetProperty(member)?.GetValue(options);
            var shown = value is null or "" ? "missing" : $"'{Secrets.Mask(value.ToString()!)}'";
            yield return $"{section}:{member} is {shown}: {result.ErrorMessage} (environment: {section}__{member})";
        }
    }
}

public static class Secrets
{
    /// <returns>A connection string with the value of its password replaced by three stars.</returns>
    public static string Mask(string connectionString) =>
        string.Join(';', connectionString.Split(';').Select(part =>
            part.TrimStart().StartsWith("password", StringComparison.OrdinalIgnoreCase) || part.TrimStart().StartsWith("pwd", StringComparison.OrdinalIgnoreCase)
                ? $"{part.Split('=')[0]}=***"
                : part));
}
