using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Cli.Chaos;

/// <summary>How long partitions stood still after their aggregator was killed.</summary>
/// <param name="Partitions">That the killed one had.</param>
/// <param name="First">Until the first of them was counted on by another; null when none was in time.</param>
/// <param name="All">Until the last of them was.</param>
internal sealed record Takeover(int Partitions, TimeSpan? First, TimeSpan? All);

/// <summary>Looks from outside, at <c>rollup.progress</c>, how long partitions stand still.</summary>
internal sealed class TakeoverWatch
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    private readonly PostgresDatabase rollup;
    private readonly TimeProvider time;
    private readonly string owner;
    private readonly Dictionary<string, long> before;
    private readonly long killedAt;

    private TakeoverWatch(PostgresDatabase rollup, string owner, Dictionary<string, long> before, TimeProvider time) =>
        (this.rollup, this.owner, this.before, this.time, killedAt) = (rollup, owner, before, time, time.GetTimestamp());

    /// <param name="process">The aggregator that is killed when this returns.</param>
    /// <returns>Null when PostgreSQL is away.</returns>
    public static async Task<TakeoverWatch?> BeginAsync(PostgresDatabase rollup, int process, TimeProvider time, CancellationToken token)
    {
        var owner = $"{Environment.MachineName}/{process}";
        return await PositionsAsync(rollup, token) is { } positions
            ? new TakeoverWatch(rollup, owner, positions.Where(position => position.Owner == owner).ToDictionary(position => position.Partition, position => position.Next), time)
            : null;
    }

    /// <summary>Watches for <paramref name="lasts"/>.</summary>
    /// <returns>Null, and early, when PostgreSQL goes away meanwhile: from then on nobody could take over.</returns>
    public async Task<Takeover?> EndAsync(TimeSpan lasts, CancellationToken token)
    {
        var moved = new Dictionary<string, TimeSpan>();
        for (; time.GetElapsedTime(killedAt) < lasts; await Task.Delay(Poll, time, token))
        {
            if (await PositionsAsync(rollup, token) is not { } now) return null;
            var elapsed = time.GetElapsedTime(killedAt);
            foreach (var (partition, by, next) in now)
            {
                if (!before.TryGetValue(partition, out var position)) continue;
                // Its last commit may have been under way when it was killed.
                if (by == owner) before[partition] = next;
                else if (next > position) moved.TryAdd(partition, elapsed);
            }
        }
        return new Takeover(before.Count, moved.Count == 0 ? null : moved.Values.Min(), moved.Count == before.Count && moved.Count > 0 ? moved.Values.Max() : null);
    }

    private static async Task<List<(string Partition, string Owner, long Next)>?> PositionsAsync(PostgresDatabase rollup, CancellationToken token)
    {
        try
        {
            return await rollup.QueryAsync(
                "select stream || '/' || partition, owner, next_offset from rollup.progress", row => (row.GetString(0), row.GetString(1), row.GetInt64(2)), token);
        }
        catch (Exception e) when (PostgresDatabase.IsAway(e))
        {
            return null;
        }
    }
}
