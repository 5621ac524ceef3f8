using Microsoft.Extensions.Logging.Abstractions;
using StreamSettlement.Hosting;

namespace StreamSettlement.UnitTests.Hosting;

public sealed class OutagesTests
{
    private readonly Outages outages = new(new Readiness(), TimeProvider.System, NullLogger<Outages>.Instance);

    [Fact]
    public async Task A_stop_while_a_server_is_away_is_no_fault_of_the_service()
    {
        using var stop = new CancellationTokenSource();
        var stopped = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await outages.RetryAsync("kafka", fault => fault is TimeoutException, _ =>
        {
            // Asked to stop while a call blocks, which then fails because the server is away.
            stop.Cancel();
            throw new TimeoutException("the server does not answer");
        }, stop.Token));
        Assert.Equal(stop.Token, stopped.CancellationToken);
    }

    [Fact]
    public async Task What_no_retry_mends_passes_through_even_while_stopping()
    {
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAsync<FormatException>(async () => await outages.RetryAsync("kafka", fault => fault is TimeoutException, _ =>
        {
            stop.Cancel();
            throw new FormatException("a bug");
        }, stop.Token));
    }
}
