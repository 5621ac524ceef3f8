namespace StreamSettlement.SimulationTests.World;

/// <summary>A server that processes call. Its state outlives them.</summary>
internal sealed class ServerState
{
    public long DownUntil { get; set; }

    /// <summary>Whoever waited for an answer when it was restarted does not get one.</summary>
    public int Restarts { get; set; }
}

/// <summary>A server as one kind of client sees it.</summary>
/// <param name="Fault">What the client throws when the server does not answer.</param>
internal sealed record SimulatedServer(ServerState State, Func<string, Exception> Fault)
{
    public int Restarts => State.Restarts;

    public long DownUntil => State.DownUntil;
}

/// <summary>
/// Calls from processes to servers: a way there, the effect, a way back. On each of them something may happen; whoever calls can't tell
/// a call that never arrived from one whose answer was lost.
/// </summary>
internal sealed class Network(Scheduler scheduler, Dice dice, Temper temper)
{
    private enum Fate
    {
        Well,
        LostBefore,
        LostAfter,
        CallerDiesBefore,
        CallerDiesAfter,
    }

    /// <summary>When it is over nothing goes wrong any more.</summary>
    public bool IsRough { get; set; } = true;

    /// <param name="effect">What the server does, at one moment.</param>
    public Task<T> CallAsync<T>(SimulatedProcess caller, SimulatedServer server, string what, Func<T> effect)
    {
        var answer = new TaskCompletionSource<T>();
        if (!scheduler.IsHere(what)) return answer.Task;
        var fate = FateOfCall();
        scheduler.After(Way(), () => Arrive(caller, server, what, effect, fate, answer));
        return answer.Task;
    }

    public Task CallAsync(SimulatedProcess caller, SimulatedServer server, string what, Action effect) =>
        CallAsync(caller, server, what, () =>
        {
            effect();
            return true;
        });

    /// <summary>Time that a message takes, in microseconds.</summary>
    public long Way()
    {
        if (!IsRough || !dice.Chance(temper.SlowPerCall)) return dice.Between(100, 3_000);
        return dice.Chance(0.1) ? dice.Between(Span.Second, 4 * Span.Second) : dice.Between(20_000, 600_000);
    }

    private Fate FateOfCall()
    {
        if (!IsRough) return Fate.Well;
        if (dice.Chance(temper.CrashPerCall)) return dice.Chance(0.5) ? Fate.CallerDiesBefore : Fate.CallerDiesAfter;
        if (dice.Chance(temper.FaultPerCall)) return dice.Chance(0.5) ? Fate.LostBefore : Fate.LostAfter;
        return Fate.Well;
    }

    private void Arrive<T>(SimulatedProcess caller, SimulatedServer server, string what, Func<T> effect, Fate fate, TaskCompletionSource<T> answer)
    {
        // Of a process that died with the request on its way the server may hear all the same.
        if (!caller.IsAlive && dice.Chance(0.5)) return;
        if (fate == Fate.LostBefore || scheduler.Now < server.DownUntil)
        {
            Answer(caller, () => answer.SetException(server.Fault($"{what} was not heard")));
            if (scheduler.IsTraced) scheduler.Note($"{caller.Name}: {what} is not heard");
            return;
        }
        if (fate == Fate.CallerDiesBefore)
        {
            caller.Kill();
            return;
        }
        T result;
        try
        {
            result = effect();
        }
        catch (Exception refused)
        {
            if (scheduler.IsTraced) scheduler.Note($"{caller.Name}: {what}: {refused.Message}");
            Answer(caller, () => answer.SetException(refused));
            return;
        }
        if (scheduler.IsTraced) scheduler.Note($"{caller.Name}: {what}{(fate == Fate.Well ? "" : $" ({fate})")}");
        if (fate == Fate.CallerDiesAfter)
        {
            caller.Kill();
            return;
        }
        var restarts = server.Restarts;
        Answer(caller, () =>
        {
            if (fate == Fate.LostAfter || server.Restarts != restarts) answer.SetException(server.Fault($"the answer to {what} was lost"));
            else answer.SetResult(result);
        });
    }

    private void Answer(SimulatedProcess caller, Action answer) => scheduler.After(Way(), () => caller.Run(answer));
}
