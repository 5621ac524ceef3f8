using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.UnitTests.Ingest;

public class ProofWatchTests
{
    private static readonly SourceTime Start = SourceTime.FromUtc(new DateTime(2026, 11, 21, 12, 0, 0, DateTimeKind.Utc));

    private readonly ProofWatch _watch = new();

    [Fact]
    public void A_list_that_stays_unproved_is_told_after_ten_seconds_and_then_once_a_minute()
    {
        Assert.Equal((TimeSpan.Zero, false), Look(0, fresh: true));
        var told = Enumerable.Range(1, 140).Where(second => Look(second, fresh: false).IsAlarm);
        Assert.Equal([10, 70, 130], told);
    }

    [Fact]
    public void A_list_that_was_never_proved_counts_from_the_first_look()
    {
        Look(0, fresh: false);
        Assert.Equal((TimeSpan.FromSeconds(10), true), Look(10, fresh: false));
    }

    [Fact]
    public void A_proved_list_ends_it()
    {
        Look(0, fresh: true);
        Assert.True(Look(10, fresh: false).IsAlarm);
        Assert.Equal((TimeSpan.Zero, false), Look(11, fresh: true));
        Assert.False(Look(20, fresh: false).IsAlarm);
        Assert.True(Look(21, fresh: false).IsAlarm);
    }

    [Fact]
    public void Without_the_privilege_there_is_nothing_to_prove()
    {
        _watch.Seen(new SourceLook(Start, null, false));
        Assert.Equal((TimeSpan.Zero, false), _watch.Seen(new SourceLook(Start + TimeSpan.FromHours(1), null, false)));
    }

    private (TimeSpan Age, bool IsAlarm) Look(double second, bool fresh) => _watch.Seen(new SourceLook(Start + TimeSpan.FromSeconds(second), [], fresh));
}
