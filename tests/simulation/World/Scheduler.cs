using System.Globalization;

namespace StreamSettlement.SimulationTests.World;

/// <summary>
/// Everything that happens in a world, in the order of simulated time; what happens at the same moment comes in an order that the
/// dice choose. One thread.
/// </summary>
internal sealed class Scheduler
{
    private readonly PriorityQueue<Action, (long At, ulong Tie)> _events = new();
    private readonly Dice _dice;
    private readonly List<string>? _trace;
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly long _start;
    private string? _violation;

    /// <param name="start">Microseconds since 1970-01-01T00:00:00Z.</param>
    /// <param name="traced">Whether to keep what happened; a replay is.</param>
    public Scheduler(Dice dice, long start, bool traced)
    {
        (_dice, Now, _start) = (dice, start, start);
        if (traced) _trace = [];
    }

    /// <summary>Microseconds since 1970-01-01T00:00:00Z.</summary>
    public long Now { get; private set; }

    public long Steps { get; private set; }

    public bool IsTraced => _trace is not null;

    public IReadOnlyList<string> Trace => _trace ?? [];

    /// <summary>The first promise that was broken; the world stands still from then on.</summary>
    public string? Violation => Volatile.Read(ref _violation);

    public void Violate(string what)
    {
        if (Interlocked.CompareExchange(ref _violation, what, null) is null) Note($"VIOLATION: {what}");
    }

    /// <summary>Nothing may leave the world's thread: what does is not in the hands of the seed any more.</summary>
    public bool IsHere(string what)
    {
        if (Environment.CurrentManagedThreadId == _thread) return true;
        Interlocked.CompareExchange(ref _violation, $"{what} ran on another thread: the run does not replay", null);
        return false;
    }

    public void At(long at, Action action)
    {
        if (IsHere("an event")) _events.Enqueue(action, (Math.Max(at, Now), _dice.Next()));
    }

    public void After(long micros, Action action) => At(Now + micros, action);

    /// <summary>Runs what happens up to a moment, which then is now.</summary>
    public void RunUntil(long moment)
    {
        while (_violation is null && _events.TryPeek(out _, out var next) && next.At <= moment) Step();
        if (Now < moment && _violation is null) Now = moment;
    }

    /// <summary>Asks after each second whether it is so.</summary>
    /// <returns>False when it did not become so in time.</returns>
    public bool RunUntil(Func<bool> isSo, long limitMicros)
    {
        for (var end = Now + limitMicros; !isSo(); RunUntil(Now + Span.Second))
            if (_violation is not null || Now >= end) return false;
        return true;
    }

    public void Note(string what)
    {
        _trace?.Add(string.Create(CultureInfo.InvariantCulture, $"{(Now - _start) / 1e6,11:0.000000} {what}"));
    }

    private void Step()
    {
        _events.TryDequeue(out var action, out var priority);
        Now = priority.At;
        Steps++;
        action!();
    }
}

/// <summary>Spans of simulated time in microseconds.</summary>
internal static class Span
{
    public const long Millisecond = 1_000;
    public const long Second = 1_000_000;
    public const long Minute = 60 * Second;
}
