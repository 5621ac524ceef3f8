using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StreamSettlement.Hosting;
using StreamSettlement.Ingest;
using StreamSettlement.Ingest.Source;

namespace StreamSettlement.UnitTests.Ingest;

public class IngestServiceTests
{
    [Fact]
    public async Task A_fault_of_the_loop_is_logged_and_ends_the_process_with_a_fault()
    {
        var (ended, said) = await RunAsync(_ => throw new InvalidOperationException("no such column"), stops: false);
        Assert.Equal(TaskStatus.Faulted, ended);
        Assert.Equal(["199 Critical ingest stops: no such column"], said);
    }

    [Fact]
    public async Task A_cancellation_that_nobody_asked_the_service_for_is_a_fault()
    {
        var (ended, said) = await RunAsync(_ => throw new OperationCanceledException("somebody else's"), stops: false);
        Assert.Equal(TaskStatus.Faulted, ended);
        Assert.Equal(["199 Critical ingest stops: somebody else's"], said);
    }

    [Fact]
    public async Task A_stop_that_was_asked_for_is_none()
    {
        var (ended, said) = await RunAsync(async cancel =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancel);
            return null;
        }, stops: true);
        Assert.NotEqual(TaskStatus.Faulted, ended);
        Assert.Empty(said);
    }

    /// <param name="acquires">What becomes of the first thing that the loop does.</param>
    /// <param name="stops">The host stops the service; otherwise it ends by itself.</param>
    private static async Task<(TaskStatus Ended, IReadOnlyList<string> Said)> RunAsync(Func<CancellationToken, Task<ISourceSession?>> acquires, bool stops)
    {
        var (log, readiness, time) = (new Said(), new Readiness(), TimeProvider.System);
        using var meters = new IngestMeters(time);
        var telemetry = new IngestTelemetry(log);
        // Log and commands come after the source.
        var loop = new IngestLoop(new Source(acquires), null!, new CommandQueue(), null!, new IngestOptions(), readiness,
            new Outages(readiness, time, NullLogger<Outages>.Instance), meters, telemetry, time);
        using var service = new IngestService(loop, telemetry);
        await service.StartAsync(TestContext.Current.CancellationToken);
        if (stops) await service.StopAsync(TestContext.Current.CancellationToken);
        else await Assert.ThrowsAnyAsync<Exception>(() => service.ExecuteTask!);
        return (service.ExecuteTask!.Status, log.Lines);
    }

    private sealed class Source(Func<CancellationToken, Task<ISourceSession?>> acquires) : ISource
    {
        public Task<ISourceSession?> TryAcquireAsync(CancellationToken cancel) => acquires(cancel);
    }

    private sealed class Said : ILogger<IngestTelemetry>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add($"{eventId.Id} {logLevel} {formatter(state, exception)}");
    }
}
