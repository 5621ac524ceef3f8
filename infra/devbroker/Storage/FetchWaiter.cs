namespace StreamSettlement.DevBroker.Storage;

/// <summary>A fetch that waits for records: completed by the first append to one of its partitions, or by its time.</summary>
internal sealed class FetchWaiter
{
    private readonly TaskCompletionSource<bool> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Signal() => _done.TrySetResult(true);

    /// <returns>True when records came, false when the time was up or the broker stops.</returns>
    public async Task<bool> Wait(TimeSpan atMost, TimeProvider time, CancellationToken stop)
    {
        using var timer = time.CreateTimer(_ => _done.TrySetResult(false), null, atMost, Timeout.InfiniteTimeSpan);
        using var onStop = stop.Register(() => _done.TrySetResult(false));
        return await _done.Task;
    }
}
