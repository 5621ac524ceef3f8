namespace StreamSettlement.Cli.Demo;

/// <summary>
/// Matches committed rows to visible ones by number: of each stream the n-th row is visible when n rows are. Rows may overtake each other by
/// a few between partitions, which moves a latency by no more than the time between two commits.
/// </summary>
internal sealed class LiveLatencies
{
    private readonly Lock guard = new();
    private readonly Queue<(long At, long Rows)> logs = new();
    private readonly Queue<(long At, long Rows)> ads = new();
    private readonly List<(double Seconds, long Rows)> seen = [];
    private (long Logs, long Ads) committed;
    private (long Logs, long Ads) visible;

    /// <summary>Rows that have become visible.</summary>
    public long Rows { get; private set; }

    /// <summary>Rows committed and not yet visible.</summary>
    public long Outstanding
    {
        get { lock (guard) return logs.Sum(batch => batch.Rows) + ads.Sum(batch => batch.Rows); }
    }

    /// <param name="at">A timestamp of the clock.</param>
    /// <param name="logsSoFar">COMPLETED view logs committed so far.</param>
    /// <param name="adsSoFar">Ad views committed so far.</param>
    public void Committed(long at, long logsSoFar, long adsSoFar)
    {
        lock (guard)
        {
            if (logsSoFar > committed.Logs) logs.Enqueue((at, logsSoFar - committed.Logs));
            if (adsSoFar > committed.Ads) ads.Enqueue((at, adsSoFar - committed.Ads));
            committed = (logsSoFar, adsSoFar);
        }
    }

    /// <returns>True when there were new rows.</returns>
    public bool Visible(long at, long logsSoFar, long adsSoFar, TimeProvider time)
    {
        lock (guard)
        {
            var (newLogs, newAds) = (logsSoFar - visible.Logs, adsSoFar - visible.Ads);
            visible = (logsSoFar, adsSoFar);
            Take(logs, newLogs, at, time);
            Take(ads, newAds, at, time);
            return newLogs > 0 || newAds > 0;
        }
    }

    /// <returns>Seconds; 0 when nothing was seen.</returns>
    public double Percentile(double share)
    {
        lock (guard)
        {
            var wanted = share * Rows;
            long sum = 0;
            foreach (var (seconds, rows) in seen.OrderBy(entry => entry.Seconds))
            {
                sum += rows;
                if (sum >= wanted) return seconds;
            }
            return 0;
        }
    }

    private void Take(Queue<(long At, long Rows)> queue, long rows, long at, TimeProvider time)
    {
        while (rows > 0 && queue.TryPeek(out var oldest))
        {
            var taken = Math.Min(rows, oldest.Rows);
            seen.Add((time.GetElapsedTime(oldest.At, at).TotalSeconds, taken));
            Rows += taken;
            rows -= taken;
            queue.Dequeue();
            // What is left of the batch stays the oldest.
            if (taken < oldest.Rows) Requeue(queue, (oldest.At, oldest.Rows - taken));
        }
    }

    private static void Requeue(Queue<(long At, long Rows)> queue, (long At, long Rows) first)
    {
        var rest = queue.ToArray();
        queue.Clear();
        queue.Enqueue(first);
        foreach (var batch in rest) queue.Enqueue(batch);
    }
}
