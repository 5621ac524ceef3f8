using System.Globalization;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;
using StreamSettlement.Settlement.Source;

namespace StreamSettlement.Settlement.Api;

/// <param name="Period">2026-11-21, 2026-W47, 2026-11 or 2026.</param>
/// <param name="From">First day of the period, whatever part of it was asked for.</param>
internal sealed record PeriodView(
    string Period, BusinessDay From, BusinessDay To, long Views, long WatchSeconds, long AdViews, Micros ViewMicros, Micros AdMicros);

internal sealed record StatsView(long ContentId, string Period, IReadOnlyList<PeriodView> Periods);

/// <param name="Id">Content or creator, as <see cref="TopView.By"/> says.</param>
/// <param name="Value">Views, ad views, seconds or micro-units, as text: micros pass 2^53.</param>
internal sealed record TopRow(int Rank, long Id, string Value);

internal sealed record TopView(string Period, BusinessDay From, BusinessDay To, string Kind, string By, IReadOnlyList<TopRow> Rows);

/// <summary>Statistics per day, ISO week, month and year.</summary>
internal static class StatsApi
{
    private const int TopDefault = 10;
    private const int TopMax = 1_000;

    public static void Map(WebApplication app)
    {
        app.MapGet("/contents/{id}/stats", StatsAsync).WithTags("statistics")
            .WithSummary("A content's views, seconds, ads and payouts per day, week, month or year")
            .Produces<StatsView>().ProducesProblem(400).ProducesProblem(404).ProducesProblem(503);
        app.MapGet("/top", TopAsync).WithTags("statistics")
            .WithSummary("Contents (creators with by=creator) with the most views, ads, seconds or payout in the period that holds a date")
            .Produces<TopView>().ProducesProblem(400).ProducesProblem(503);
    }

    private static async Task<IResult> StatsAsync(string id, string? period, string? from, string? to, StatsQuery query, CancellationToken cancel)
    {
        var asked = new Asked();
        var content = new ContentId(asked.Id("id", id));
        var by = asked.Period(period);
        var (first, last) = asked.Days(from, to);
        if (asked.Problem is { } problem) return problem;

        var days = await query.ContentAsync(content, first, last, cancel);
        return days is null
            ? Problems.NotFound($"content {content} has no views, ads or payouts on any day")
            : Results.Ok(new StatsView(content.Value, by.ToString().ToLowerInvariant(), Fold(by, days)));
    }

    /// <summary>Days into periods; the days come in order.</summary>
    internal static List<PeriodView> Fold(Period by, IReadOnlyList<ContentDay> days)
    {
        var periods = new List<PeriodView>();
        foreach (var day in days)
        {
            var span = by.Containing(day.Day);
            if (periods.Count == 0 || periods[^1].Period != span.Label)
                periods.Add(new PeriodView(span.Label, span.From, span.To, 0, 0, 0, Micros.Zero, Micros.Zero));
            var sum = periods[^1];
            periods[^1] = sum with
            {
                Views = sum.Views + day.Views,
                WatchSeconds = sum.WatchSeconds + day.WatchSeconds,
                AdViews = sum.AdViews + day.AdViews,
                ViewMicros = sum.ViewMicros + day.ViewAmount,
                AdMicros = sum.AdMicros + day.AdAmount,
            };
        }
        return periods;
    }

    private static async Task<IResult> TopAsync(
        string? period, string? date, string? kind, string? by, string? limit, StatsQuery query, CancellationToken cancel)
    {
        var asked = new Asked();
        var grouping = asked.Period(period);
        var day = asked.Day("date", date);
        var of = asked.OneOf("kind", kind, "view", "ad", "watch", "payout");
        var ranked = asked.OneOf("by", by, "content", "creator");
        var most = asked.Limit(limit, TopDefault, TopMax);
        if (asked.Problem is { } problem) return problem;

        var span = grouping.Containing(day);
        var rows = await query.TopAsync(Enum.Parse<Ranking>(of, ignoreCase: true), ranked == "creator", span.From, span.To, most, cancel);
        return Results.Ok(new TopView(span.Label, span.From, span.To, of, ranked,
            [.. rows.Select((row, index) => new TopRow(index + 1, row.Id, row.Value.ToString(CultureInfo.InvariantCulture)))]));
    }
}
