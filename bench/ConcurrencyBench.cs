using System.Globalization;

namespace StreamSettlement.Bench;

/// <summary><c>./settlement bench deadlocks</c>: every crowd once, as a table and as a chart.</summary>
internal static class ConcurrencyBench
{
    private static readonly int[] Partitions = [1, 2, 4, 8];
    private static readonly int[] Writers = [2, 4, 8, 16];

    /// <param name="chart">The SVG file; null for none.</param>
    /// <returns>0 when the aggregator's way had no deadlock and every way left every row.</returns>
    public static async Task<int> RunAsync(FileInfo? chart)
    {
        var race = new ConcurrencyRace();
        var results = new List<CrowdResult>();
        await race.StartAsync(null);
        try
        {
            await race.RunAsync(WriteWay.Chunks, new Crowd(1, 1, true)); // compiled before it counts
            await race.RunAsync(WriteWay.RowByRow, new Crowd(1, 1, true));
            Console.WriteLine($"transactions of {race.RowsPerTransaction} rows for {race.Time.TotalSeconds:0.#} s, {race.Contents:N0} contents");
            Console.WriteLine("partitions  writers  contents  way           rows/s  deadlocks");
            foreach (var partitions in Partitions)
                foreach (var writers in Writers)
                    foreach (var shared in new[] { true, false })
                        foreach (var way in Enum.GetValues<WriteWay>()) results.Add(Shown(await race.RunAsync(way, new Crowd(partitions, writers, shared))));
        }
        finally
        {
            await race.StopAsync();
        }
        if (chart is not null)
        {
            await File.WriteAllTextAsync(chart.FullName, ConcurrencyChart.Svg(results));
            Console.WriteLine($"drawn to {chart.FullName}");
        }
        var ours = results.Where(result => result.Way == WriteWay.Chunks).Sum(result => result.Deadlocks);
        Console.WriteLine($"deadlocks: row by row {results.Sum(result => result.Deadlocks) - ours}, chunks {ours}");
        return ours == 0 && results.TrueForAll(result => result.Views == result.Rows) ? 0 : 1;
    }

    private static CrowdResult Shown(CrowdResult result)
    {
        var (crowd, way) = (result.Crowd, result.Way == WriteWay.RowByRow ? "row by row" : "chunks");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{crowd.Partitions,10}  {crowd.Writers,7}  {(crowd.Shared ? "same" : "own"),-8}  {way,-10}  {result.RowsPerSecond,8:N0}  {result.Deadlocks,9}"));
        return result;
    }
}
