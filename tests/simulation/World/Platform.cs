using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;
using StreamSettlement.SimulationTests.Ports;

namespace StreamSettlement.SimulationTests.World;

/// <summary>The video platform: transactions of a few statements that insert views and ads and take unfinished views further.</summary>
internal sealed class Platform(Scheduler scheduler, Dice dice, Temper temper, SourceTables tables)
{
    public const int Contents = 5;

    /// <summary>Contents that the platform has not written down when their views come.</summary>
    public const int LateContents = 2;

    private const long KoreanMicros = 9 * 60 * Span.Minute;

    /// <summary>Business days that rows have been written for.</summary>
    public SortedSet<BusinessDay> Days { get; } = [];

    public BusinessDay Today => new(DateOnly.FromDateTime(new SourceTime(scheduler.Now + KoreanMicros).ToUtc()));

    public void Begin()
    {
        for (var content = 1L; content <= Contents; content++) tables.Creators[content] = CreatorOf(content);
        for (var i = 0; i < temper.Transactions; i++) scheduler.After(dice.Between(0, temper.ChaosMicros), Transact);
    }

    public void WriteDownLateContents()
    {
        for (var content = Contents + 1L; content <= Contents + LateContents; content++) tables.Creators[content] = CreatorOf(content);
    }

    private static long CreatorOf(long content) => 1 + (content % 3);

    private void Transact()
    {
        var transaction = tables.Begin(temper.HiddenTransactions && dice.Chance(0.3));
        Execute(transaction, (int)dice.Between(1, 4));
    }

    private void Execute(OpenTransaction transaction, int statements)
    {
        transaction.IsRunning = true;
        Change(transaction);
        scheduler.After(dice.Between(100, 400_000), () =>
        {
            transaction.IsRunning = false;
            if (statements > 1) scheduler.After(Pause(), () => Execute(transaction, statements - 1));
            else scheduler.After(Pause(), () => End(transaction));
        });
    }

    private long Pause() => temper.LongTransactions && dice.Chance(0.25) ? dice.Between(Span.Second, 9 * Span.Second) : dice.Between(0, 20_000);

    private void End(OpenTransaction transaction)
    {
        if (dice.Chance(0.07)) tables.RollBack(transaction);
        else tables.Commit(transaction);
    }

    private void Change(OpenTransaction transaction)
    {
        // A restart of MySQL took the transaction along.
        if (!tables.Open.Contains(transaction)) return;
        if (dice.Chance(0.35) && TryTakeFurther(transaction)) return;
        var stream = dice.Chance(0.7) ? SourceStream.ViewLogs : SourceStream.AdViews;
        for (var rows = dice.Between(1, 2); rows > 0; rows--) tables.Insert(transaction, stream, NewRow(stream));
    }

    private bool TryTakeFurther(OpenTransaction transaction)
    {
        var views = tables.Rows(SourceStream.ViewLogs)
            .Where(row => !tables.IsLocked(SourceStream.ViewLogs, row.Id) && (temper.Touches || row.Status != SourceStatus.Completed)).ToList();
        if (views.Count == 0) return false;
        var row = dice.Of(views);
        if (row.Status != SourceStatus.Completed)
        {
            row.WatchSeconds += (int)dice.Between(1, 60);
            row.Status = dice.Chance(0.7) ? SourceStatus.Completed : SourceStatus.Paused;
        }
        tables.Write(transaction, SourceStream.ViewLogs, row);
        return true;
    }

    private SourceRow NewRow(SourceStream stream)
    {
        var day = Today.AddDays(-dice.Of([0, 0, 0, 1, 1, 2]));
        var row = new SourceRow
        {
            MemberId = dice.Between(1, 9),
            ContentId = dice.Between(1, temper.UnknownContents ? Contents + LateContents : Contents),
            LogDate = day.Number,
        };
        if (stream == SourceStream.AdViews)
        {
            row.AdvertisementId = dice.Between(1, 2);
        }
        else
        {
            row.WatchSeconds = (int)dice.Between(0, 300);
            row.Status = dice.Of([SourceStatus.InProgress, SourceStatus.Paused, SourceStatus.Completed, SourceStatus.Completed, SourceStatus.Completed]);
            if (temper.BadValues && dice.Chance(0.15)) row.WatchSeconds = -5;
        }
        if (temper.BadValues && dice.Chance(0.1)) row.LogDate = (day = Today.AddDays(40)).Number;
        else Days.Add(day);
        return row;
    }
}
