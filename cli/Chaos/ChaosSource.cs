using System.Text;
using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Generator;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Cli.Chaos;

/// <summary>
/// The platform under chaos: streams rows of several days, completes logs late, holds transactions open, writes rows of contents that
/// do not exist. Ids are dealt here, so that a transaction that is held open commits behind higher ids. A statement that MariaDB's end
/// cut off is said again: none does more when said twice.
/// </summary>
internal sealed class ChaosSource(MySqlDatabase database, GeneratorSettings settings, int rowsPerSecond, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan WatchingLeast = TimeSpan.FromSeconds(1);

    /// <summary>Contents that nobody has created begin here.</summary>
    private const long UnknownContents = 1_000_000;

    private const int UnknownContentsMost = 5;

    private readonly SourceRows rows = new(settings.Validated());
    private readonly SourceFiller masters = new(database, settings);
    private readonly List<Watched> watching = [];
    private readonly Lock guard = new();
    private readonly Random random = new(unchecked((int)settings.Seed));
    private readonly CancellationTokenSource ended = new();
    private long lastLog;
    private long lastAd;

    /// <summary>View logs that have begun, and when they reach their last state.</summary>
    private sealed record Watched(long FirstId, int Count, long DueAt);

    /// <summary>New rows that are there to stay.</summary>
    public long Written { get; private set; }

    public int LateCommits { get; private set; }

    public int LateRollbacks { get; private set; }

    public int PoisonRows { get; private set; }

    public Task FillMastersAsync(CancellationToken token) => masters.FillMastersAsync(token);

    /// <summary>Streams until <see cref="EndAsync"/>; what is still being watched stays so.</summary>
    public async Task RunAsync(CancellationToken token)
    {
        var (start, begun) = (time.GetTimestamp(), 0L);
        using var timer = new PeriodicTimer(Tick, time);
        while (!ended.IsCancellationRequested && await timer.WaitForNextTickAsync(token))
        {
            // What is due by the clock, so that rows which MariaDB did not take while it was away come when it is back.
            var due = checked((int)Math.Min((long)(time.GetElapsedTime(start).TotalSeconds * rowsPerSecond) - begun, rowsPerSecond));
            begun += due;
            await BeginAsync(due - (due / 3), due / 3, token);
            foreach (var batch in TakeDue()) await CompleteAsync(batch, token);
        }
    }

    /// <summary>No new rows; every log reaches its last state.</summary>
    public async Task EndAsync(Task running, CancellationToken token)
    {
        await ended.CancelAsync();
        await running;
        foreach (var batch in TakeDue(all: true)) await CompleteAsync(batch, token);
    }

    /// <summary>A transaction of rows, and of logs that it completes, that is open for a while; one in five is rolled back.</summary>
    /// <returns>False when the source's server was away, or went away with it.</returns>
    public async Task<bool> HoldOpenAsync(ChaosStep step, CancellationToken token)
    {
        var (firstLog, firstAd, logs) = (Take(ref lastLog, step.Size), Take(ref lastAd, step.Size / 2), step.Size);
        var late = TakeAny();
        var rollsBack = step.Size % 5 == 0;
        try
        {
            await using var connection = await database.OpenAsync(token);
            await using var transaction = await connection.BeginTransactionAsync(token);
            await ExecuteAsync(connection, SourceTable.ViewLog.Insert(rows.AppendViewLog, firstLog, logs), token, transaction);
            if (step.Size / 2 > 0) await ExecuteAsync(connection, SourceTable.AdView.Insert(rows.AppendAdView, firstAd, step.Size / 2), token, transaction);
            if (late is not null) await ExecuteAsync(connection, LastStates(late), token, transaction);
            await Task.Delay(step.For, time, token);
            if (rollsBack) await transaction.RollbackAsync(token);
            else await transaction.CommitAsync(token);
        }
        catch (Exception e) when (IsGone(e))
        {
            // The server went away: rolled back, unless it was the answer to the commit that was lost. Both are fine.
            GiveBack(late);
            return false;
        }
        if (rollsBack)
        {
            GiveBack(late);
            lock (guard) LateRollbacks++;
        }
        else
        {
            lock (guard) (LateCommits, Written) = (LateCommits + 1, Written + logs + (step.Size / 2));
        }
        return true;
    }

    /// <summary>COMPLETED logs and ad views of contents that do not exist.</summary>
    public async Task PoisonAsync(BusinessDay day, int count, CancellationToken token)
    {
        var (firstLog, firstAd) = (Take(ref lastLog, count), Take(ref lastAd, 1));
        var logs = string.Join(',', Enumerable.Range(0, count).Select(i => $"({firstLog + i}, 1, {UnknownContents + (i % UnknownContentsMost)}, '{day}', {10 + i}, {10 + i}, 'COMPLETED')"));
        await SayAsync($"insert into daily_member_view_log (id, member_id, content_post_id, log_date, watch_seconds, last_position_seconds, status) values {logs} on duplicate key update id = id", token);
        await SayAsync($"insert into ad_view_log (id, member_id, content_post_id, advertisement_id, log_date) values ({firstAd}, 1, {UnknownContents}, 1, '{day}') on duplicate key update id = id", token);
        PoisonRows += count + 1;
        lock (guard) Written += count + 1;
    }

    /// <summary>What an operator has the platform do about poison rows: the contents are there now.</summary>
    public Task CreateUnknownContentsAsync(CancellationToken token) => SayAsync(
        $"insert into content_post (id, creator_id, title, duration_seconds) values {string.Join(',', Enumerable.Range(0, UnknownContentsMost).Select(i => $"({UnknownContents + i}, {1 + (i % settings.Creators)}, 'late content {i}', 600)"))} on duplicate key update id = id", token);

    public void Dispose() => ended.Dispose();

    private async Task BeginAsync(int logs, int ads, CancellationToken token)
    {
        if (logs > 0)
        {
            var first = Take(ref lastLog, logs);
            await SayAsync(SourceTable.ViewLog.Insert(rows.AppendBegunViewLog, first, logs).Append(" on duplicate key update id = id").ToString(), token);
            // Most are over soon, some only after their day has ended.
            var watched = WatchingLeast + TimeSpan.FromSeconds(random.Next(10) < 8 ? random.Next(1, 5) : random.Next(5, 45));
            lock (guard) watching.Add(new Watched(first, logs, time.GetTimestamp() + (long)(watched.TotalSeconds * time.TimestampFrequency)));
        }
        if (ads > 0)
        {
            var first = Take(ref lastAd, ads);
            await SayAsync(SourceTable.AdView.Insert(rows.AppendAdView, first, ads).Append(" on duplicate key update id = id").ToString(), token);
        }
        lock (guard) Written += logs + ads;
    }

    private Task CompleteAsync(Watched batch, CancellationToken token) => SayAsync(LastStates(batch).ToString(), token);

    private StringBuilder LastStates(Watched batch) => SourceTable.ViewLog.Insert(rows.AppendViewLog, batch.FirstId, batch.Count).Append(SourceRows.OrLastState);

    private List<Watched> TakeDue(bool all = false)
    {
        lock (guard)
        {
            var now = time.GetTimestamp();
            var due = watching.Where(batch => all || batch.DueAt <= now).ToList();
            foreach (var batch in due) watching.Remove(batch);
            return due;
        }
    }

    private Watched? TakeAny()
    {
        lock (guard)
        {
            if (watching.Count == 0) return null;
            var any = watching[^1];
            watching.RemoveAt(watching.Count - 1);
            return any;
        }
    }

    private void GiveBack(Watched? batch)
    {
        if (batch is null) return;
        lock (guard) watching.Add(batch);
    }

    /// <returns>The first of <paramref name="count"/> ids that nobody else gets.</returns>
    private static long Take(ref long last, int count) => Interlocked.Add(ref last, count) - count + 1;

    /// <summary>Says it until the server has answered: it is away now and then.</summary>
    private async Task SayAsync(string sql, CancellationToken token)
    {
        while (true)
        {
            try
            {
                await using var connection = await database.OpenAsync(token);
                await ExecuteAsync(connection, new StringBuilder(sql), token);
                return;
            }
            catch (Exception e) when (IsGone(e))
            {
                await Task.Delay(AskAgainAfter, time, token);
            }
        }
    }

    private static async Task ExecuteAsync(MySqlConnection connection, StringBuilder sql, CancellationToken token, MySqlTransaction? transaction = null)
    {
        await using var command = new MySqlCommand(sql.ToString(), connection, transaction) { CommandTimeout = 60 };
        await command.ExecuteNonQueryAsync(token);
    }

    /// <summary>Whether the source's server, or the connection to it, was away: anything but a mistake of this code, which no waiting mends.</summary>
    private static bool IsGone(Exception fault) => fault switch
    {
        // Unknown column, duplicate key, syntax, no such table, value, foreign key.
        MySqlException refused => refused.Number is not (1054 or 1062 or 1064 or 1146 or 1366 or 1452),
        IOException or System.Net.Sockets.SocketException or TimeoutException => true,
        _ => false,
    };
}
