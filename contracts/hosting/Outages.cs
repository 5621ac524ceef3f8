using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace StreamSettlement.Hosting;

/// <summary>
/// Work against a server that may be down: retried with backoff until it is back, a log line at the first failure and then one a
/// minute, readiness saying which server and why. What is not transient passes through at once and stops the service loudly.
/// </summary>
public sealed partial class Outages(Readiness readiness, TimeProvider time, ILogger<Outages> log)
{
    private static readonly TimeSpan LogEvery = TimeSpan.FromMinutes(1);

    /// <param name="dependency">Name in <c>/health/ready</c> and in the log: <c>mysql</c>, <c>postgres</c>, <c>kafka</c>.</param>
    /// <param name="isTransient">Whether the server may recover from it without anybody changing anything.</param>
    public async ValueTask<T> RetryAsync<T>(
        string dependency,
        Func<Exception, bool> isTransient,
        Func<CancellationToken, ValueTask<T>> work,
        CancellationToken cancel)
    {
        var loggedAt = long.MinValue;
        var pipeline = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<Exception>(isTransient),
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Exponential,
                Delay = TimeSpan.FromMilliseconds(200),
                MaxDelay = TimeSpan.FromSeconds(5),
                UseJitter = true,
                OnRetry = attempt =>
                {
                    var reason = attempt.Outcome.Exception!.Message;
                    readiness.Down(dependency, reason);
                    if (loggedAt == long.MinValue || time.GetElapsedTime(loggedAt) >= LogEvery)
                    {
                        loggedAt = time.GetTimestamp();
                        Unavailable(log, dependency, attempt.AttemptNumber + 1, reason);
                    }
                    return default;
                },
            })
            .Build();
        var result = await pipeline.ExecuteAsync(work, cancel);
        readiness.Up(dependency);
        if (loggedAt != long.MinValue) Back(log, dependency);
        return result;
    }

    /// <inheritdoc cref="RetryAsync{T}"/>
    public async ValueTask RetryAsync(
        string dependency, Func<Exception, bool> isTransient, Func<CancellationToken, ValueTask> work, CancellationToken cancel) =>
        await RetryAsync(dependency, isTransient, async token =>
        {
            await work(token);
            return true;
        }, cancel);

    [LoggerMessage(401, LogLevel.Warning, "{Dependency} is unavailable (attempt {Attempt}), retrying: {Reason}")]
    private static partial void Unavailable(ILogger log, string dependency, int attempt, string reason);

    [LoggerMessage(402, LogLevel.Information, "{Dependency} is back")]
    private static partial void Back(ILogger log, string dependency);
}
