namespace StreamSettlement.SimulationTests.World;

/// <summary>
/// A process of a service: its code runs only when the scheduler says so. Killed, whatever it was awaiting never comes back, as after
/// kill -9; paused, everything comes late at once, as after SIGSTOP.
/// </summary>
internal sealed class SimulatedProcess : SynchronizationContext
{
    private readonly Scheduler _scheduler;
    private readonly List<Action> _onDeath = [];

    /// <param name="clockAheadMicros">How far this machine's clock is ahead of the source's.</param>
    public SimulatedProcess(string name, Scheduler scheduler, long clockAheadMicros)
    {
        (Name, _scheduler) = (name, scheduler);
        Time = new Clock(this, clockAheadMicros);
    }

    public string Name { get; }

    public TimeProvider Time { get; }

    public bool IsAlive { get; private set; } = true;

    public long PausedUntil { get; private set; }

    public bool IsPaused => _scheduler.Now < PausedUntil;

    public void Pause(long micros) => PausedUntil = Math.Max(PausedUntil, _scheduler.Now + micros);

    public void Resume() => PausedUntil = 0;

    /// <summary>What the rest of the world notices: connections close, group members go.</summary>
    public void OnDeath(Action action) => _onDeath.Add(action);

    public void Kill()
    {
        if (!IsAlive) return;
        IsAlive = false;
        _scheduler.Note($"{Name} is killed");
        foreach (var action in _onDeath) action();
    }

    /// <summary>Runs code of the process, unless it is dead; later, while it is paused.</summary>
    public void Run(Action action)
    {
        if (!IsAlive) return;
        if (IsPaused)
        {
            _scheduler.At(PausedUntil, () => Run(action));
            return;
        }
        var before = Current;
        SetSynchronizationContext(this);
        try
        {
            action();
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    /// <summary>Where a continuation goes that may not run in line.</summary>
    public override void Post(SendOrPostCallback d, object? state)
    {
        if (_scheduler.IsHere($"a continuation of {Name}")) _scheduler.At(_scheduler.Now, () => Run(() => d(state)));
    }

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException("nothing in the services blocks");

    public override SynchronizationContext CreateCopy() => this;

    private sealed class Clock(SimulatedProcess process, long aheadMicros) : TimeProvider
    {
        public override long TimestampFrequency => Span.Second;

        public override long GetTimestamp() => process._scheduler.Now;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddTicks((process._scheduler.Now + aheadMicros) * TimeSpan.TicksPerMicrosecond);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (period != Timeout.InfiniteTimeSpan) throw new NotSupportedException("no loop needs a periodic timer");
            var timer = new SimulatedTimer(process, callback, state);
            timer.Change(dueTime, period);
            return timer;
        }
    }

    private sealed class SimulatedTimer(SimulatedProcess process, TimerCallback callback, object? state) : ITimer
    {
        private int _setting;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var setting = ++_setting;
            if (dueTime == Timeout.InfiniteTimeSpan) return true;
            process._scheduler.After((long)dueTime.TotalMicroseconds, () => process.Run(() =>
            {
                if (setting == _setting) callback(state);
            }));
            return true;
        }

        public void Dispose() => _setting++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
