using Microsoft.Extensions.Logging;

namespace StreamSettlement.Hosting;

/// <summary>
/// Work against a server that may be down: retried with backoff until it is back, a log line at the first failure and then one a
/// minute, readiness saying which server and why. What is not transient passes through at once and stops the service loudly.
/// </summary>
public sealed partial class Outages(Readiness readiness, TimeProvider time, ILogger<Outages> log)
{
    private static readonly TimeSpan LogEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(5);

    /// <param name="dependency">Name in <c>/health/ready</c> and in the log: <c>mysql</c>, <c>postgres</c>, <c>kafka</c>.</param>
    /// <param name="isTransient">Whether the server may recover from it without anybody changing anything.</param>
    /// <exception cref="OperationCanceledException"><paramref name="cancel"/> was requested, whatever the server's state.</exception>
    public async ValueTask<T> RetryAsync<T>(
        string dependency,
        Func<Exception, bool> isTransient,
        Func<CancellationToken, ValueTask<T>> work,
        CancellationToken cancel)
    {
        long? loggedAt = null;
        var delay = FirstDelay;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var result = await work(cancel);
                readiness.Up(dependency);
                if (loggedAt is not null) Back(log, dependency);
                return result;
            }
            catch (Exception outage) when (isTransient(outage))
            {
                // Asked to stop during a call that then failed: the service ends as it was asked to, not by this.
                if (cancel.IsCancellationRequested) throw new OperationCanceledException(outage.Message, outage, cancel);
                readiness.Down(dependency, outage.Message);
                if (loggedAt is null || time.GetElapsedTime(loggedAt.Value) >= LogEvery)
                {
                    loggedAt = time.GetTimestamp();
                    Unavailable(log, dependency, attempt, outage.Message);
                }
            }
            // No jitter: a handful of services is no herd, and a run of the simulation must replay exactly.
            await Task.Delay(delay, time, cancel);
            delay = delay * 2 < LongestDelay ? delay * 2 : LongestDelay;
        }
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
