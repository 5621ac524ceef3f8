using System.Globalization;
using System.Text;

namespace StreamSettlement.Cli.Display;

/// <summary>A standalone SVG, readable on light and dark pages: a framed page with texts and bars. Units are pixels.</summary>
internal sealed class SvgPage
{
    public const string Ink = "#1f2328";
    public const string Faint = "#59636e";
    public const string Former = "#9aa4b2";
    public const string Ours = "#2f81f7";
    public const string Other = "#57ab5a";
    public const string Alarm = "#cf222e";

    private readonly StringBuilder _svg = new();

    public SvgPage(int width, int height, string title)
    {
        _svg.Append(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="system-ui, sans-serif" font-size="14">
            <rect width="100%" height="100%" rx="8" fill="#ffffff" stroke="#d0d7de"/>
            <text x="20" y="28" font-weight="600" fill="{Ink}">{title}</text>

            """);
    }

    /// <param name="anchor"><c>start</c>, <c>middle</c> or <c>end</c>: which part of the text stands at x.</param>
    public void Text(double x, double y, string text, string colour = Ink, int size = 14, string anchor = "start") => _svg.Append(
        CultureInfo.InvariantCulture, $"""<text x="{x:0.#}" y="{y:0.#}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{text}</text>""").Append('\n');

    public void Bar(double x, double y, double width, double height, string colour) => _svg.Append(
        CultureInfo.InvariantCulture, $"""<rect x="{x:0.#}" y="{y:0.#}" width="{width:0.#}" height="{height:0.#}" rx="2" fill="{colour}"/>""").Append('\n');

    public string End() => _svg.Append("</svg>\n").ToString();
}
