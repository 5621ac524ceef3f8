using StreamSettlement.Contracts;
using StreamSettlement.Ingest;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests.Ports;

/// <summary>The group that reads the commands: at least once, kept until the active ingest took a command over.</summary>
internal sealed class CommandGroup(Scheduler scheduler, Dice dice, LogTopics topics, Mechanism without)
{
    /// <summary>The first that nobody has taken over, as far as the group remembers.</summary>
    public int Committed { get; private set; }

    /// <summary>Who has read to the end and waits for more.</summary>
    public List<Action> Waiting { get; } = [];

    public void Add(ControlCommand command)
    {
        if (without == Mechanism.Repair && command is { Kind: CommandKind.RepairDay, By: "settlement" }) return;
        topics.Commands.Add(command);
        foreach (var waiting in Waiting) waiting();
        Waiting.Clear();
        if (scheduler.IsTraced) scheduler.Note($"log: command {command.Kind} {command.Day} by {command.By}");
    }

    /// <summary>Sent once a second: a crash in between has commands delivered again.</summary>
    public void Store(int next)
    {
        if (dice.Chance(0.7)) Committed = Math.Max(Committed, next);
    }
}

/// <summary>The subscription of one ingest.</summary>
internal sealed class CommandFeedPort(SimulatedProcess process, Scheduler scheduler, Network network, CommandGroup group, LogTopics topics, CommandQueue queue) : ICommandFeed
{
    public Task<IAsyncDisposable> StartAsync(CancellationToken cancel)
    {
        var subscription = new Subscription(queue);
        Deliver(subscription, group.Committed);
        return Task.FromResult<IAsyncDisposable>(subscription);
    }

    private void Deliver(Subscription subscription, int next)
    {
        if (next < topics.Commands.Count)
        {
            scheduler.After(network.Way(), () => process.Run(() =>
            {
                if (!subscription.IsOver) _ = HandAsync(subscription, next);
            }));
        }
        else
        {
            group.Waiting.Add(() => Deliver(subscription, next));
        }
    }

    private async Task HandAsync(Subscription subscription, int next)
    {
        try
        {
            await queue.SubmitAsync(topics.Commands[next], CancellationToken.None);
        }
        catch (CommandReturnedException)
        {
            return;
        }
        group.Store(next + 1);
        Deliver(subscription, next + 1);
    }

    private sealed class Subscription(CommandQueue queue) : IAsyncDisposable
    {
        public bool IsOver { get; private set; }

        public ValueTask DisposeAsync()
        {
            IsOver = true;
            queue.GiveBack();
            return ValueTask.CompletedTask;
        }
    }
}
