using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace StreamSettlement.Hosting;

/// <summary>What the service depends on, by name, and why it is not ready where it is not.</summary>
public sealed class Readiness
{
    private readonly ConcurrentDictionary<string, string?> _reasons = new(StringComparer.Ordinal);

    /// <summary>Names a dependency before it was first reached: not ready until <see cref="Up"/>.</summary>
    public void Expect(string dependency) => _reasons.TryAdd(dependency, "not reached yet");

    public void Up(string dependency) => _reasons[dependency] = null;

    public void Down(string dependency, string reason) => _reasons[dependency] = reason;

    /// <summary>What a ready service is doing, where it may be one of two things: <c>active</c> or <c>standby</c>.</summary>
    public string? State { get; private set; }

    public void Say(string state) => State = state;

    public bool IsReady => !_reasons.IsEmpty && _reasons.Values.All(reason => reason is null);

    /// <returns>Each dependency with the reason it is down, or null where it is up.</returns>
    public IReadOnlyDictionary<string, string?> Snapshot() => new SortedDictionary<string, string?>(_reasons, StringComparer.Ordinal);
}

/// <summary><c>/health/live</c>, <c>/health/ready</c> and <c>/metrics</c>, the same in every service.</summary>
internal static class HealthRoutes
{
    public static void Map(WebApplication app)
    {
        var readiness = app.Services.GetRequiredService<Readiness>();
        var metrics = app.Services.GetRequiredService<PrometheusText>();
        app.MapGet("/health/live", () => Results.Json(new { status = "live" })).ExcludeFromDescription();
        app.MapGet("/health/ready", () =>
        {
            var ready = readiness.IsReady;
            var dependencies = readiness.Snapshot().ToDictionary(entry => entry.Key, entry => entry.Value ?? "up");
            return Results.Json(new { status = ready ? "ready" : "not ready", state = readiness.State, dependencies }, statusCode: ready ? 200 : 503);
        }).ExcludeFromDescription();
        app.MapGet("/metrics", () => Results.Text(metrics.Write(), "text/plain; version=0.0.4; charset=utf-8")).ExcludeFromDescription();
    }
}
