using System.Globalization;
using StreamSettlement.Cli.Display;

namespace StreamSettlement.Cli.Demo;

/// <summary>A million rows in one picture: the nightly batch, this pipeline, and what the database alone needs for one GROUP BY.</summary>
internal static class PipelineChart
{
    /// <summary>The Spring Batch job that this replaces took two minutes for a million logs.</summary>
    private const double NightlyBatchSeconds = 120;

    private const int Left = 250;
    private const int FullWidth = 420;
    private const int RowHeight = 44;

    /// <param name="source">Product and version of the source's server.</param>
    /// <param name="pipelineSeconds">Median of the runs.</param>
    /// <param name="groupBySeconds">Median of the runs.</param>
    /// <returns>A standalone SVG.</returns>
    public static string Svg(long logs, long ads, string source, double pipelineSeconds, double groupBySeconds)
    {
        var bars = new (string Name, string Note, double Seconds, string Colour)[]
        {
            ("nightly batch, before", "1,000,000 logs", NightlyBatchSeconds, SvgPage.Former),
            ("Stream Settlement", $"{logs:N0} logs + {ads:N0} ads, until paid", pipelineSeconds, SvgPage.Ours),
            ($"one GROUP BY in {source.Split(' ')[0]}", "counts and seconds only", groupBySeconds, SvgPage.Other),
        };
        var page = new SvgPage(760, (bars.Length * RowHeight) + 58, "Seconds for a million view logs (less is better)");
        for (var i = 0; i < bars.Length; i++)
        {
            var (name, note, seconds, colour) = bars[i];
            var top = 46 + (i * RowHeight);
            var width = Math.Max(2, seconds / NightlyBatchSeconds * FullWidth);
            page.Text(Left - 12, top + 14, name, anchor: "end");
            page.Text(Left - 12, top + 29, note, SvgPage.Faint, 11, "end");
            page.Bar(Left, top + 2, width, 26, colour);
            page.Text(Left + width + 8, top + 20, string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s"));
        }
        return page.End();
    }
}
