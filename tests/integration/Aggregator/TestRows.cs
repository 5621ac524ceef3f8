using StreamSettlement.Contracts;
using StreamSettlement.Contracts.V1;

namespace StreamSettlement.IntegrationTests.Aggregator;

/// <summary>Rows as ingest publishes them, the same for the same seed.</summary>
internal sealed record TestRows(IReadOnlyList<ViewLog> Views, IReadOnlyList<AdView> Ads)
{
    public static readonly BusinessDay Day = BusinessDay.Of(2026, 3, 14);

    public static readonly TestRows None = new([], []);

    /// <summary>2026-03-14T15:00:00Z: midnight in Seoul.</summary>
    public static readonly SourceTime Cutoff = SourceTime.FromUtc(new DateTime(2026, 3, 14, 15, 0, 0, DateTimeKind.Utc));

    /// <summary>
    /// Views of three days in the order of their ids, few contents popular; some seen IN_PROGRESS first, some never completed; half
    /// as many ad views.
    /// </summary>
    public static TestRows Of(int seed, int rows, int contents = 200, long firstId = 1, int sourceEpoch = 1)
    {
        var random = new Random(seed);
        var (views, ads) = (new List<ViewLog>(), new List<AdView>());
        for (var id = firstId; id < firstId + rows; id++)
        {
            var view = View(id, Content(), Day.AddDays(-random.Next(3)), random.Next(600), sourceEpoch);
            var fate = random.Next(10);
            if (fate < 3)
            {
                var before = view.Clone();
                (before.Status, before.WatchSeconds) = (ViewStatus.InProgress, 0);
                views.Add(before);
            }
            if (fate is not 0) views.Add(view);
        }
        for (var id = firstId; id < firstId + (rows / 2); id++) ads.Add(Ad(id, Content(), Day.AddDays(-random.Next(3)), random.Next(1, 20), sourceEpoch));
        return new TestRows(views, ads);

        long Content() => (long)Math.Pow(contents, random.NextDouble());
    }

    public static ViewLog View(long id, long content = 7, BusinessDay? day = null, int seconds = 60, int sourceEpoch = 1) => new()
    {
        Id = id, SourceEpoch = sourceEpoch, MemberId = 1 + (id % 100), ContentId = content, CreatorId = 1 + (content % 20), LogDate = (day ?? Day).Number,
        WatchSeconds = seconds, LastPositionSeconds = seconds, Status = ViewStatus.Completed, CreatedAt = Cutoff.Micros - 60_000_000, UpdatedAt = Cutoff.Micros - 1,
    };

    public static AdView Ad(long id, long content = 7, BusinessDay? day = null, long advertisement = 3, int sourceEpoch = 1) => new()
    {
        Id = id, SourceEpoch = sourceEpoch, MemberId = 1 + (id % 100), ContentId = content, CreatorId = 1 + (content % 20), AdvertisementId = advertisement,
        LogDate = (day ?? Day).Number, CreatedAt = Cutoff.Micros - 60_000_000, UpdatedAt = Cutoff.Micros - 1,
    };

    public static DayMarker Marker(SourceStream stream, int attempt = 1, BusinessDay? day = null) => new()
    {
        Stream = stream.Name(), LogDate = (day ?? Day).Number, Attempt = attempt, Cutoff = Cutoff.Micros, Horizon = Cutoff.Micros,
        Rows = 1_000, IdSum = ulong.MaxValue, WatchSeconds = 2_000,
    };

    public TestRows Shuffled(int seed)
    {
        var random = new Random(seed);
        var (views, ads) = (Views.ToArray(), Ads.ToArray());
        random.Shuffle(views);
        random.Shuffle(ads);
        return new TestRows(views, ads);
    }
}
