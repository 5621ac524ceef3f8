using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;
using StreamSettlement.Settlement.Core;
using StreamSettlement.SimulationTests.Ports;

namespace StreamSettlement.SimulationTests.Checks;

/// <summary>What must come out, computed from the source's committed rows and from nothing else, in the most simple-minded way.</summary>
internal sealed class Truth
{
    public Truth(SourceTables source)
    {
        foreach (var stream in SourceStreams.All)
        {
            foreach (var row in source.Rows(stream))
            {
                if (stream == SourceStream.ViewLogs && row.Status != SourceStatus.Completed) continue;
                if (row.WatchSeconds < 0 || IsFarAhead(row.LogDate) || !source.Creators.TryGetValue(row.ContentId, out var creator)) continue;
                Add(stream, row, creator);
            }
        }
    }

    /// <summary>Views and seconds.</summary>
    public SortedDictionary<ContentCell, (long Views, long Seconds)> Contents { get; } = [];

    public SortedDictionary<AdCell, long> Ads { get; } = [];

    /// <summary>Views that the rule keeps out.</summary>
    public SortedSet<long> Excluded { get; } = [];

    /// <summary>Rows that are counted or excluded.</summary>
    public HashSet<(SourceStream Stream, long Id)> Good { get; } = [];

    /// <summary>A log_date that no test's clock comes near.</summary>
    public static bool IsFarAhead(int logDate) => logDate > 20261205;

    /// <summary>F(C) − F(C′) for each cell of a paid day, unit by unit.</summary>
    public SortedDictionary<(PriceKind Kind, long Content, BusinessDay Day, long Creator), (long Units, Int128 Amount)> Payouts(IReadOnlySet<BusinessDay> paid)
    {
        var units = Contents.Select(entry => (Kind: PriceKind.View, Content: entry.Key.Content.Value, entry.Key.Day, Creator: entry.Key.Creator.Value, Units: entry.Value.Views))
            .Concat(Ads.GroupBy(entry => (entry.Key.Content, entry.Key.Day, entry.Key.Creator), entry => entry.Value)
                .Select(ads => (Kind: PriceKind.Ad, Content: ads.Key.Content.Value, ads.Key.Day, Creator: ads.Key.Creator.Value, Units: ads.Sum())));
        var payouts = new SortedDictionary<(PriceKind, long, BusinessDay, long), (long, Int128)>();
        foreach (var content in units.GroupBy(cell => (cell.Kind, cell.Content)))
        {
            var before = 0L;
            foreach (var cell in content.OrderBy(cell => cell.Day).ThenBy(cell => cell.Creator))
            {
                if (paid.Contains(cell.Day))
                {
                    var amount = Int128.Zero;
                    for (var unit = 0; unit < cell.Units; unit++) amount += Cards.PriceOfUnit(cell.Kind, cell.Day, before + unit);
                    payouts[(cell.Kind, cell.Content, cell.Day, cell.Creator)] = (cell.Units, amount);
                }
                before += cell.Units;
            }
        }
        return payouts;
    }

    private void Add(SourceStream stream, in SourceRow row, long creator)
    {
        Good.Add((stream, row.Id));
        var day = BusinessDay.FromNumber(row.LogDate);
        if (stream == SourceStream.AdViews)
        {
            var ad = new AdCell(day, new ContentId(row.ContentId), new AdvertisementId(row.AdvertisementId), new CreatorId(creator));
            Ads[ad] = Ads.GetValueOrDefault(ad) + 1;
            return;
        }
        if (row.WatchSeconds < Cards.MinimumSeconds(day))
        {
            Excluded.Add(row.Id);
            return;
        }
        var cell = new ContentCell(day, new ContentId(row.ContentId), new CreatorId(creator));
        var sum = Contents.GetValueOrDefault(cell);
        Contents[cell] = (sum.Views + 1, sum.Seconds + row.WatchSeconds);
    }
}
