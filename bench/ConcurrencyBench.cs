using System.Globalization;

namespace StreamSettlement.Bench;

/// <summary><c>./settlement bench deadlocks</c>: every crowd once, as a table and as a chart.</summary>
internal static class ConcurrencyBench
{
    private static readonly int[] Partitions = [1, 2, 4, 8];
    private static readonly int[] Writers = [2, 4, 8, 16];

    /// <summary>Of each crowd the faster run counts: what else a machine does only ever slows one down.</summary>
    private const int Rounds = 2;

    /// <param name="chart">The SVG file; null for none.</param>
    /// <returns>0 when the aggregator's way had no deadlock and every way left every row.</returns>
    public static async Task<int> RunAsync(FileInfo? chart)
    {
        var race = new ConcurrencyRace();
        var runs = new List<CrowdResult>();
        await race.StartAsync(null);
        try
        {
            await race.RunAsync(WriteWay.Chunks, new Crowd(1, 1, true)); // compiled before it counts
            await race.RunAsync(WriteWay.RowByRow, new Crowd(1, 1, true));
            Console.WriteLine($"transactions of {race.RowsPerTransaction} rows for {race.Time.TotalSeconds:0.#} s, {race.Contents:N0} contents, {Rounds} rounds");
            Console.WriteLine("partitions  writers  contents  way           rows/s  deadlocks");
            foreach (var crowd in Crowds().SelectMany(crowd => Enumerable.Repeat(crowd, Rounds)))
                foreach (var way in Enum.GetValues<WriteWay>()) runs.Add(Shown(await race.RunAsync(way, crowd)));
        }
        finally
        {
            await race.StopAsync();
        }
        if (chart is not null)
        {
            var best = runs.GroupBy(run => (run.Way, run.Crowd)).Select(same => same.MaxBy(run => run.RowsPerSecond)!).ToList();
            await File.WriteAllTextAsync(chart.FullName, ConcurrencyChart.Svg(best));
            Console.WriteLine($"drawn to {chart.FullName}");
        }
        var ours = runs.Where(run => run.Way == WriteWay.Chunks).Sum(run => run.Deadlocks);
        Console.WriteLine($"deadlocks: row by row {runs.Sum(run => run.Deadlocks) - ours}, chunks {ours}");
        return ours == 0 && runs.TrueForAll(run => run.Views == run.Rows) ? 0 : 1;
    }

    private static IEnumerable<Crowd> Crowds() =>
        from partitions in Partitions from writers in Writers from shared in (bool[])[true, false] select new Crowd(partitions, writers, shared);

    private static CrowdResult Shown(CrowdResult result)
    {
        var (crowd, way) = (result.Crowd, result.Way == WriteWay.RowByRow ? "row by row" : "chunks");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{crowd.Partitions,10}  {crowd.Writers,7}  {(crowd.Shared ? "same" : "own"),-8}  {way,-10}  {result.RowsPerSecond,8:N0}  {result.Deadlocks,9}"));
        return result;
    }
}
