using StreamSettlement.Contracts;
using StreamSettlement.SimulationTests.Ports;

namespace StreamSettlement.SimulationTests.World;

/// <summary>What goes wrong beside single calls, and what people do at bad moments.</summary>
internal sealed class Trouble(Scheduler scheduler, Dice dice, Temper temper, Simulation world)
{
    private const long SessionTimeout = 6 * Span.Second;

    public void Begin()
    {
        Sometimes(temper.Outages, 2, Outage);
        Sometimes(temper.Pauses, 3, Pause);
        Sometimes(temper.LostLocks, 2, LoseLock);
        Sometimes(temper.Kicks, 3, Kick);
        Sometimes(temper.Rewinds, 3, Rewind);
        Sometimes(temper.Replays, 3, Replay);
        Sometimes(temper.Strays, 1, Stray);
        Sometimes(temper.Monitor, 3, () => Monitor((int)dice.Between(10, 90)));
        Sometimes(true, 2, world.Group.Rebalance);
        Sometimes(true, 4, () => Command(CommandKind.EndDay));
        Sometimes(dice.Chance(0.4), 2, () => Command(CommandKind.RepairDay));
    }

    /// <summary>Nothing is wrong any more; what was is left behind.</summary>
    public void End()
    {
        foreach (var server in world.Servers) server.DownUntil = 0;
        foreach (var process in world.Processes) process.Resume();
    }

    private void Sometimes(bool at, int most, Action what)
    {
        if (!at) return;
        for (var times = dice.Between(1, most); times > 0; times--) scheduler.After(dice.Between(0, temper.ChaosMicros), what);
    }

    private void Outage()
    {
        var until = scheduler.Now + dice.Between(Span.Second / 10, 8 * Span.Second);
        switch (dice.Below(3))
        {
            case 0:
                scheduler.Note("MySQL restarts");
                world.MySql.DownUntil = until;
                world.MySql.Restarts++;
                world.Source.RollBackAll();
                world.Source.LockHolder = null;
                break;
            case 1:
                scheduler.Note("the broker restarts");
                world.Broker.DownUntil = until;
                world.Broker.Restarts++;
                if (dice.Chance(0.5)) world.GiveUpProducers();
                break;
            default:
                scheduler.Note("PostgreSQL restarts");
                world.Postgres.DownUntil = until;
                world.Postgres.Restarts++;
                world.Books.Restart();
                break;
        }
    }

    private void Pause()
    {
        var alive = world.Processes;
        var process = dice.Of(alive);
        var micros = dice.Between(Span.Second / 5, 12 * Span.Second);
        scheduler.Note($"{process.Name} stands still for {micros / 1e6} s");
        process.Pause(micros);
        if (micros > SessionTimeout)
        {
            scheduler.After(SessionTimeout, () =>
            {
                if (world.Group.Members.FirstOrDefault(member => member.Process == process) is { } silent) silent.Kick();
            });
        }
        if (dice.Chance(0.5)) scheduler.After(micros / 2, () => world.LoseLockOf(process));
    }

    private void LoseLock()
    {
        scheduler.Note("MySQL drops the connection that holds the lock");
        world.Source.LockHolder = null;
    }

    private void Kick()
    {
        if (world.Group.Members.Count > 0) dice.Of(world.Group.Members).Kick();
    }

    private void Rewind()
    {
        foreach (var at in LogTopics.All)
            if (dice.Chance(0.7)) world.Group.Committed[at] = dice.Between(0, world.Topics.Records(at).Count + 2);
        scheduler.Note("the group's offsets are moved");
        world.Group.Rebalance();
    }

    private void Replay()
    {
        var at = dice.Of(LogTopics.All);
        var records = world.Topics.Records(at);
        if (records.Count == 0) return;
        var first = dice.Below(records.Count);
        scheduler.Note("somebody copies records to the end");
        foreach (var record in records.Skip(first).Take((int)dice.Between(1, 5)).ToList()) world.Topics.Append(at, record);
    }

    private void Stray()
    {
        var at = dice.Of(LogTopics.All);
        scheduler.Note("somebody produces by hand");
        // Garbage has no day and blocks them all: seldom.
        if (dice.Chance(0.3)) world.Topics.Append(at, new LogRecord([1], [0xff, 0xff, 0xff]));
        var other = at with { Partition = (at.Partition + 1) % LogTopics.Partitions };
        var row = world.Topics.Records(other).FirstOrDefault(record => record.Row is not null);
        if (row is not null) world.Topics.Append(at, row);
    }

    private void Monitor(int reads)
    {
        world.Source.ReadTransactions();
        if (reads > 0) scheduler.After(dice.Between(30_000, 95_000), () => Monitor(reads - 1));
    }

    private void Command(CommandKind kind) =>
        world.Topics.AddCommand(new ControlCommand(kind, world.Platform.Today.AddDays(-dice.Below(3)), "somebody"));
}
