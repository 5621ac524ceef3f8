using System.Globalization;
using StreamSettlement.Cli.Display;

namespace StreamSettlement.Bench;

/// <summary>Throughput and deadlocks of every crowd: a panel for each number of partitions, a group of bars for each number of writers.</summary>
internal static class ConcurrencyChart
{
    private const int PanelWidth = 440;
    private const int PanelHeight = 210;
    private const int Top = 92;
    private const int BarsHeight = 120;

    private static readonly (WriteWay Way, bool Shared, string Name, string Colour)[] Series =
    [
        (WriteWay.RowByRow, true, "row by row, same contents", SvgPage.Former),
        (WriteWay.RowByRow, false, "row by row, own contents", "#d0d7de"),
        (WriteWay.Chunks, true, "chunks, same contents", SvgPage.Ours),
        (WriteWay.Chunks, false, "chunks, own contents", "#8ec0ff"),
    ];

    public static string Svg(IReadOnlyList<CrowdResult> results)
    {
        var partitions = results.Select(result => result.Crowd.Partitions).Distinct().Order().ToList();
        var most = results.Max(result => result.RowsPerSecond);
        var page = new SvgPage((2 * PanelWidth) + 40, Top + (((partitions.Count + 1) / 2) * PanelHeight) + 20, "Thousand rows a second by writers at once, and deadlocks (red, none where there is no number)");
        page.Text(20, 46, "The nightly batch upserted row by row: 4 deadlocks a run until it was partitioned, and 8 threads were its best.", SvgPage.Faint, 12);
        for (var i = 0; i < Series.Length; i++)
        {
            page.Bar(20 + (i * 215), 60, 12, 12, Series[i].Colour);
            page.Text(38 + (i * 215), 70, Series[i].Name, size: 12);
        }
        for (var i = 0; i < partitions.Count; i++)
            Panel(page, 20 + (i % 2 * PanelWidth), Top + (i / 2 * PanelHeight), partitions[i], [.. results.Where(result => result.Crowd.Partitions == partitions[i])], most);
        return page.End();
    }

    private static void Panel(SvgPage page, int left, int top, int partitions, IReadOnlyList<CrowdResult> results, double most)
    {
        page.Text(left, top + 14, partitions == 1 ? "1 partition" : $"{partitions} partitions", size: 13);
        var writers = results.Select(result => result.Crowd.Writers).Distinct().Order().ToList();
        for (var group = 0; group < writers.Count; group++)
        {
            var x = left + (group * 105);
            page.Text(x + 46, top + 30 + BarsHeight + 34, $"{writers[group]} writers", SvgPage.Faint, 12, "middle");
            for (var bar = 0; bar < Series.Length; bar++)
            {
                var result = results.Single(one => one.Crowd.Writers == writers[group] && one.Way == Series[bar].Way && one.Crowd.Shared == Series[bar].Shared);
                var height = Math.Max(1, result.RowsPerSecond / most * BarsHeight);
                var bottom = top + 30 + BarsHeight;
                page.Bar(x + (bar * 24), bottom - height, 20, height, Series[bar].Colour);
                page.Text(x + (bar * 24) + 10, bottom + 13, (result.RowsPerSecond / 1_000).ToString("0.#", CultureInfo.InvariantCulture), SvgPage.Faint, 9, "middle");
                if (result.Deadlocks > 0) page.Text(x + (bar * 24) + 10, bottom - height - 4, result.Deadlocks.ToString(CultureInfo.InvariantCulture), SvgPage.Alarm, 12, "middle");
            }
        }
    }
}
