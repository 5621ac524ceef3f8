using System.Collections.Concurrent;
using MassTransit;
using StreamSettlement.Contracts;

namespace StreamSettlement.Settlement;

/// <summary>
/// Wakes the loop before its interval is over. A wake that is lost costs one interval, nothing else: all state is in the tables.
/// </summary>
internal sealed class Wakeup(TimeProvider time)
{
    // With the number of the question: one that comes while an earlier one is being answered stays.
    private readonly ConcurrentDictionary<BusinessDay, long> _asked = new();
    private long _questions;
    private TaskCompletionSource _signal = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Signal() => Volatile.Read(ref _signal).TrySetResult();

    /// <summary>Has books and target of the day compared even when its newest attempt is posted.</summary>
    public void Ask(BusinessDay day)
    {
        _asked[day] = Interlocked.Increment(ref _questions);
        Signal();
    }

    /// <returns>Days asked for and not answered yet, each with its newest question.</returns>
    public IReadOnlyDictionary<BusinessDay, long> Asked() => new Dictionary<BusinessDay, long>(_asked);

    public bool IsAsked(BusinessDay day) => _asked.ContainsKey(day);

    public void Answered(BusinessDay day, long question) => _asked.TryRemove(KeyValuePair.Create(day, question));

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
