using System.Globalization;
using System.Text;

namespace StreamSettlement.Cli.Demo;

/// <summary>A million rows in one picture: the nightly batch, this pipeline, and what the database alone needs for one GROUP BY.</summary>
internal static class PipelineChart
{
    /// <summary>The Spring Batch job that this replaces took two minutes for a million logs.</summary>
    private const double NightlyBatchSeconds = 120;

    private const int Left = 250;
    private const int FullWidth = 420;
    private const int RowHeight = 44;

    /// <param name="pipelineSeconds">Median of the runs.</param>
    /// <param name="groupBySeconds">Median of the runs.</param>
    /// <returns>A standalone SVG, readable on light and dark pages.</returns>
    public static string Svg(long logs, long ads, double pipelineSeconds, double groupBySeconds)
    {
        var bars = new (string Name, string Note, double Seconds, string Colour)[]
        {
            ("nightly batch, before", "1,000,000 logs", NightlyBatchSeconds, "#9aa4b2"),
            ("Stream Settlement", $"{logs:N0} logs + {ads:N0} ads, until paid", pipelineSeconds, "#2f81f7"),
            ("one GROUP BY in MariaDB", "counts and seconds only", groupBySeconds, "#57ab5a"),
        };
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="760" height="{(bars.Length * RowHeight) + 58}" font-family="system-ui, sans-serif" font-size="14">
            <rect width="100%" height="100%" rx="8" fill="#ffffff" stroke="#d0d7de"/>
            <text x="20" y="28" font-weight="600" fill="#1f2328">Seconds for a million view logs (less is better)</text>

            """);
        for (var i = 0; i < bars.Length; i++)
        {
            var (name, note, seconds, colour) = bars[i];
            var top = 46 + (i * RowHeight);
            var width = Math.Max(2, seconds / NightlyBatchSeconds * FullWidth);
            svg.Append(CultureInfo.InvariantCulture, $"""
                <text x="{Left - 12}" y="{top + 14}" text-anchor="end" fill="#1f2328">{name}</text>
                <text x="{Left - 12}" y="{top + 29}" text-anchor="end" font-size="11" fill="#59636e">{note}</text>
                <rect x="{Left}" y="{top + 2}" width="{width:0.#}" height="26" rx="3" fill="{colour}"/>
                <text x="{Left + width + 8:0.#}" y="{top + 20}" fill="#1f2328">{seconds:0.0} s</text>

                """);
        }
        return svg.Append("</svg>\n").ToString();
    }
}
