using System.Collections.Concurrent;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Cli.Chaos;

/// <summary>Carries the schedule out, and starts again what ends though nobody stopped it.</summary>
internal sealed class ChaosFaults(
    LocalStack stack, ChaosSource source, ChaosTopics topics, PatientApi api, IReadOnlyList<BusinessDay> days, ChaosDisplay display, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);

    // A process is subject to one thing at a time; what comes too early for it waits.
    private readonly Dictionary<string, SemaphoreSlim> turns = stack.Parts().ToDictionary(part => part.Process.Name, _ => new SemaphoreSlim(1));
    private readonly ConcurrentDictionary<(FaultKind Kind, string Target), int> survived = new();

    /// <summary>How often each was done: by kind and process; the process is empty for what concerns topics or source.</summary>
    public IReadOnlyDictionary<(FaultKind Kind, string Target), int> Survived => survived;

    /// <summary>What ended though nobody stopped it, a paragraph each. It was started again.</summary>
    public ConcurrentQueue<string> Ended { get; } = [];

    /// <summary>Of the first fault; null when it could not be taken.</summary>
    public Takeover? Takeover { get; private set; }

    /// <summary>The schedule from its beginning to its end. Returns when every step is over.</summary>
    public async Task RunAsync(IReadOnlyList<ChaosStep> plan, CancellationToken token)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(token);
        var start = time.GetTimestamp();
        var watching = WatchAsync(over.Token);
        var steps = plan.Select(step => StepAsync(step, start, over.Token)).ToList();
        try
        {
            // The first that fails ends all.
            await foreach (var step in Task.WhenEach([.. steps, watching]))
            {
                await step;
                if (steps.TrueForAll(one => one.IsCompletedSuccessfully)) break;
            }
        }
        finally
        {
            await over.CancelAsync();
            await Task.WhenAll([.. steps, watching]).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose()
    {
        foreach (var turn in turns.Values) turn.Dispose();
    }

    private async Task StepAsync(ChaosStep step, long start, CancellationToken token)
    {
        var early = step.At - time.GetElapsedTime(start);
        if (early > TimeSpan.Zero) await Task.Delay(early, time, token);
        var turn = turns.GetValueOrDefault(step.Target);
        if (turn is not null) await turn.WaitAsync(token);
        try
        {
            if (!await DoAsync(step, token)) return;
            survived.AddOrUpdate((step.Kind, step.Target), 1, (_, times) => times + 1);
        }
        finally
        {
            turn?.Release();
        }
    }

    /// <returns>False when it could not be done: what it needs was away.</returns>
    private async Task<bool> DoAsync(ChaosStep step, CancellationToken token)
    {
        display.Say(Describe(step));
        switch (step.Kind)
        {
            case FaultKind.Kill:
            case FaultKind.Restart:
                await AwayAsync(step, token);
                return true;
            case FaultKind.Suspend:
                await SuspendAsync(PartOf(step.Target), step.For, token);
                return true;
            case FaultKind.Rewind:
                await RewindAsync(step, token);
                return true;
            case FaultKind.Resend:
                return await topics.ResendAsync(step, token);
            case FaultKind.LateTransaction:
                return await source.HoldOpenAsync(step, token);
            case FaultKind.PoisonRows:
                await source.PoisonAsync(days[ChaosPlan.PoisonDay], step.Size, token);
                return true;
            case FaultKind.PoisonBytes:
                await topics.PoisonAsync(step, token);
                return true;
            case FaultKind.EndDay:
                await api.EndDayAsync(days[step.Size], token);
                return true;
            default:
                throw new InvalidOperationException($"no way to do {step}");
        }
    }

    private async Task AwayAsync(ChaosStep step, CancellationToken token)
    {
        var part = PartOf(step.Target);
        var watch = step.At == ChaosPlan.FirstAt ? await TakeoverWatch.BeginAsync(stack.Rollup, part.Process.Id, time, token) : null;
        if (step.Kind == FaultKind.Kill) await part.Process.KillAsync();
        else await part.Process.StopAsync();
        var away = time.GetTimestamp();
        if (watch is not null) Takeover = await watch.EndAsync(step.For, token);
        if (step.For - time.GetElapsedTime(away) is { Ticks: > 0 } rest) await Task.Delay(rest, time, token);
        await StartAgainAsync(part, token);
    }

    // A service is not awaited: while a server is away it is not ready, which is no fault of its own.
    private static async Task StartAgainAsync(StackPart part, CancellationToken token)
    {
        await part.StartAgainAsync();
        if (part is not ServiceProcess) await part.WaitUntilReadyAsync(token);
    }

    private async Task SuspendAsync(StackPart part, TimeSpan lasts, CancellationToken token)
    {
        part.Process.Suspend();
        try
        {
            await Task.Delay(lasts, time, token);
        }
        finally
        {
            part.Process.Continue();
        }
    }

    private async Task RewindAsync(ChaosStep step, CancellationToken token)
    {
        var mine = new List<SemaphoreSlim>();
        try
        {
            foreach (var aggregator in stack.Aggregators)
            {
                await turns[aggregator.Process.Name].WaitAsync(token);
                mine.Add(turns[aggregator.Process.Name]);
            }
            await Task.WhenAll(stack.Aggregators.Select(aggregator => aggregator.Process.StopAsync()));
            await topics.RewindAsync(step.Size, token);
            await Task.Delay(step.For, time, token);
            foreach (var aggregator in stack.Aggregators) await aggregator.StartAgainAsync();
        }
        finally
        {
            foreach (var turn in mine) turn.Release();
        }
    }

    private async Task WatchAsync(CancellationToken token)
    {
        for (; ; await Task.Delay(Poll, time, token))
        {
            foreach (var part in stack.Parts().Where(part => part.Process.ExitedUnexpectedly).ToList())
            {
                var turn = turns[part.Process.Name];
                await turn.WaitAsync(token);
                try
                {
                    if (!part.Process.ExitedUnexpectedly) continue;
                    var description = await part.Process.DescribeExitAsync();
                    Ended.Enqueue(description);
                    display.Say(description);
                    await StartAgainAsync(part, token);
                }
                finally
                {
                    turn.Release();
                }
            }
        }
    }

    private StackPart PartOf(string name) => stack.Parts().First(part => part.Process.Name == name);

    private string Describe(ChaosStep step) => step.Kind switch
    {
        FaultKind.Kill => $"kill -9 {step.Target}, away for {step.For.TotalSeconds:0.0} s",
        FaultKind.Suspend => $"SIGSTOP {step.Target} for {step.For.TotalSeconds:0.0} s",
        FaultKind.Restart => $"stop {step.Target}, away for {step.For.TotalSeconds:0.0} s",
        FaultKind.Rewind => $"all aggregators stopped, group offsets set back to {step.Size} %",
        FaultKind.Resend => $"up to {step.Size} records produced once more",
        FaultKind.LateTransaction => $"a transaction of {step.Size} logs is open for {step.For.TotalSeconds:0.0} s",
        FaultKind.PoisonBytes => $"{step.Size} bytes that are no record",
        FaultKind.PoisonRows => $"{step.Size} logs and an ad view of contents that do not exist",
        _ => $"day {days[step.Size]} is ended while its rows still come",
    };
}
