using StreamSettlement.Aggregator;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests.Ports;

/// <summary>A service's group of readers of the commands: at least once, for the offset is stored when a command was handled.</summary>
internal sealed class CommandGroup(Dice dice)
{
    /// <summary>The first that nobody has handled, as far as the group remembers.</summary>
    public int Committed { get; private set; }

    /// <summary>Sent once a second: a crash in between has commands delivered again.</summary>
    public void Store(int next)
    {
        if (dice.Chance(0.7)) Committed = Math.Max(Committed, next);
    }
}

/// <summary>One reader: hands over command after command, each when the one before was handled.</summary>
internal sealed class CommandReader(
    SimulatedProcess process, Scheduler scheduler, Network network, LogTopics topics, CommandGroup group, Func<ControlCommand, Task<bool>> handle)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(2);

    public bool IsOver { get; set; }

    public void Start() => Deliver(group.Committed);

    private void Deliver(int next)
    {
        if (next >= topics.Commands.Count) topics.WaitingForCommands.Add(() => Deliver(next));
        else scheduler.After(network.Way(), () => process.Run(() => _ = HandAsync(next)));
    }

    private async Task HandAsync(int next)
    {
        while (!IsOver)
        {
            if (await handle(topics.Commands[next]))
            {
                group.Store(next + 1);
                Deliver(next + 1);
                return;
            }
            await Task.Delay(RetryAfter, process.Time);
        }
    }
}

/// <summary>The subscription of one ingest, for as long as it is the active one.</summary>
internal sealed class CommandFeedPort(SimulatedProcess process, Scheduler scheduler, Network network, CommandGroup group, LogTopics topics, CommandQueue queue) : ICommandFeed
{
    public Task<IAsyncDisposable> StartAsync(CancellationToken cancel)
    {
        CommandReader reader = null!;
        reader = new CommandReader(process, scheduler, network, topics, group, async command =>
        {
            try
            {
                await queue.SubmitAsync(command, CancellationToken.None);
                return true;
            }
            catch (CommandReturnedException)
            {
                reader.IsOver = true;
                return false;
            }
        });
        reader.Start();
        return Task.FromResult<IAsyncDisposable>(new Subscription(reader, queue));
    }

    private sealed class Subscription(CommandReader reader, CommandQueue queue) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            reader.IsOver = true;
            queue.GiveBack();
            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>How decisions about dead letters reach an aggregator's desk; after a fault it is asked again.</summary>
internal static class LetterFeed
{
    public static async Task<bool> HandleAsync(LetterDesk desk, ControlCommand command)
    {
        try
        {
            await desk.HandleAsync(command, CancellationToken.None);
            return true;
        }
        catch (Exception outage) when (Hosting.Transient.Postgres(outage) || Hosting.Transient.Kafka(outage))
        {
            return false;
        }
    }
}
