using System.Text;
using MySqlConnector;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.DevStack.Generator;

/// <summary>
/// Streams rows as a platform does: two thirds are view logs that begin IN_PROGRESS and reach their last state after
/// <see cref="Watching"/>, one third are ad views. Row by row they are the ones that <see cref="SourceFiller"/> would have made.
/// </summary>
/// <param name="rowsPerSecond">New rows per second, both tables together.</param>
internal sealed class LiveGenerator(MySqlDatabase database, GeneratorSettings settings, int rowsPerSecond, TimeProvider time)
{
    /// <summary>From a log's beginning to its last state.</summary>
    public static readonly TimeSpan Watching = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    private readonly SourceRows rows = new(settings.Validated());
    private readonly SourceFiller masters = new(database, settings);
    private readonly Queue<(long FirstId, int Count, long BegunAt)> watching = new();

    /// <summary>New rows so far.</summary>
    public long Begun { get; private set; }

    /// <summary>Logs that have reached their last state.</summary>
    public long Ended { get; private set; }

    /// <summary>Called after each commit that adds rows that count, with all so far: COMPLETED view logs, ad views.</summary>
    public Action<long, long>? Committed { get; init; }

    private long Completed { get; set; }

    private long AdViews { get; set; }

    /// <summary>Streams until <paramref name="duration"/> is over and every log has ended, or until cancelled: then open logs stay open.</summary>
    /// <param name="duration">Null for no end.</param>
    /// <exception cref="DevStackException">The database refused; the message says what.</exception>
    public async Task RunAsync(TimeSpan? duration, IProgress<LiveGenerator>? progress, CancellationToken token)
    {
        try
        {
            await StreamAsync(duration, progress, token);
        }
        catch (MySqlException e)
        {
            throw database.Refused(e, token);
        }
    }

    private async Task StreamAsync(TimeSpan? duration, IProgress<LiveGenerator>? progress, CancellationToken token)
    {
        await masters.FillMastersAsync(token);
        var (nextLog, nextAd) = (await masters.NextIdAsync(SourceTable.ViewLog, token), await masters.NextIdAsync(SourceTable.AdView, token));
        await using var connection = await database.OpenAsync(token);
        var start = time.GetTimestamp();
        using var timer = new PeriodicTimer(Tick, time);
        do
        {
            var elapsed = time.GetElapsedTime(start);
            var begin = duration is null || elapsed < duration;
            if (!begin && watching.Count == 0) return;
            if (begin)
            {
                // What is due by the clock, so that a slow commit is made up for.
                var due = checked((int)Math.Min((long)(elapsed.TotalSeconds * rowsPerSecond) - Begun, rowsPerSecond));
                var ads = due / 3;
                await BeginAsync(connection, nextLog, due - ads, nextAd, ads, token);
                (nextLog, nextAd) = (nextLog + due - ads, nextAd + ads);
            }
            while (watching.TryPeek(out var oldest) && time.GetElapsedTime(oldest.BegunAt) >= Watching)
                await EndAsync(connection, watching.Dequeue(), token);
            progress?.Report(this);
        }
        while (await timer.WaitForNextTickAsync(token));
    }

    private async Task BeginAsync(MySqlConnection connection, long firstLog, int logs, long firstAd, int ads, CancellationToken token)
    {
        if (logs > 0)
        {
            await ExecuteAsync(connection, SourceTable.ViewLog.Insert(rows.AppendBegunViewLog, firstLog, logs), token);
            watching.Enqueue((firstLog, logs, time.GetTimestamp()));
        }
        if (ads > 0)
        {
            await ExecuteAsync(connection, SourceTable.AdView.Insert(rows.AppendAdView, firstAd, ads), token);
            AdViews += ads;
            Committed?.Invoke(Completed, AdViews);
        }
        Begun += logs + ads;
    }

    // One statement for the whole batch: a row that stays IN_PROGRESS has been watched for a while too.
    private async Task EndAsync(MySqlConnection connection, (long FirstId, int Count, long BegunAt) batch, CancellationToken token)
    {
        await ExecuteAsync(connection, SourceTable.ViewLog.Insert(rows.AppendViewLog, batch.FirstId, batch.Count).Append(SourceRows.OrLastState), token);
        Ended += batch.Count;
        for (var row = 0; row < batch.Count; row++)
            if (rows.IsCompleted(batch.FirstId + row)) Completed++;
        Committed?.Invoke(Completed, AdViews);
    }

    private static async Task ExecuteAsync(MySqlConnection connection, StringBuilder sql, CancellationToken token)
    {
        await using var command = new MySqlCommand(sql.ToString(), connection) { CommandTimeout = 60 };
        await command.ExecuteNonQueryAsync(token);
    }
}
