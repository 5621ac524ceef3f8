using System.Collections.Concurrent;
using MassTransit;
using StreamSettlement.Contracts;

namespace StreamSettlement.Settlement;

/// <summary>
/// Wakes the loop before its interval is over. A wake that is lost costs one interval, nothing else: all state is in the tables.
/// </summary>
internal sealed class Wakeup(TimeProvider time)
{
    private readonly ConcurrentDictionary<BusinessDay, bool> _asked = new();
    private TaskCompletionSource _signal = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Signal() => Volatile.Read(ref _signal).TrySetResult();

    /// <summary>Has books and target of the day compared even when its newest attempt is posted.</summary>
    public void Ask(BusinessDay day)
    {
        _asked[day] = true;
        Signal();
    }

    /// <returns>Days asked for and not answered yet.</returns>
    public IReadOnlyList<BusinessDay> Asked() => [.. _asked.Keys.Order()];

    public void Answered(BusinessDay day) => _asked.TryRemove(day, out _);

    public async Task WaitAsync(TimeSpan atMost, CancellationToken cancel)
    {
        var signal = Volatile.Read(ref _signal);
        try
        {
            await signal.Task.WaitAsync(atMost, time, cancel);
        }
        catch (TimeoutException)
        {
            return;
        }
        Interlocked.CompareExchange(ref _signal, new(TaskCreationOptions.RunContinuationsAsynchronously), signal);
    }
}

/// <summary>Any control message may mean that a table has changed.</summary>
internal sealed class WakeupConsumer(Wakeup wakeup) : IConsumer<ControlEvent>, IConsumer<ControlCommand>
{
    public Task Consume(ConsumeContext<ControlEvent> context)
    {
        wakeup.Signal();
        return Task.CompletedTask;
    }

    public Task Consume(ConsumeContext<ControlCommand> context)
    {
        wakeup.Signal();
        return Task.CompletedTask;
    }
}
