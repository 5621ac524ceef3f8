using FsCheck;
using FsCheck.Fluent;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;

namespace StreamSettlement.UnitTests.Aggregator;

public sealed class ChunkBuilderTests
{
    private static readonly Eligibility Everything = new([new EligibilityRule(1, 0, BusinessDay.Of(1, 1, 1))]);
    private static readonly LogPartition Views = new(SourceStream.ViewLogs, 3);
    private static readonly LogPartition Ads = new(SourceStream.AdViews, 3);

    private readonly ClaimCache claims = new(1 << 20);
    private readonly ChunkBuilder builder;
    private readonly OwnedPartition views = Owned(Views);
    private readonly OwnedPartition ads = Owned(Ads);

    public ChunkBuilderTests() => builder = new ChunkBuilder(claims, ChunkLimits.Default);

    [Fact]
    public void Views_add_up_per_content_and_day_and_ads_per_advertisement()
    {
        Add(views, Verdict.Of(Fact(1, content: 7, seconds: 10)));
        Add(views, Verdict.Of(Fact(2, content: 7, seconds: 5)));
        Add(views, Verdict.Of(Fact(3, content: 4, seconds: 1)));
        Add(ads, Verdict.Of(Fact(1, content: 7) with { Advertisement = new AdvertisementId(9), WatchSeconds = 0 }));
        var chunk = builder.Finish();
        Assert.Equal(
            [(Cell(4), new CellSum(1, 1, 0)), (Cell(7), new CellSum(2, 15, 0))],
            chunk.Contents);
        Assert.Equal([(new AdCell(Rows.Day, new ContentId(7), new AdvertisementId(9), new CreatorId(5)), new CellSum(1, 0, 0))], chunk.Ads);
        Assert.Equal([(new PartitionDay(Ads, Rows.Day), new Totals(1, 1, 0)), (new PartitionDay(Views, Rows.Day), new Totals(3, 6, 16))], chunk.PartitionDays);
        Assert.Equal([new ProgressMove(Ads, 1, 0, 1), new ProgressMove(Views, 1, 0, 3)], chunk.Moves);
        Assert.Equal([Rows.Day], chunk.Days);
    }

    [Fact]
    public void A_row_delivered_again_counts_once_in_one_chunk_and_over_chunks()
    {
        Add(views, Verdict.Of(Fact(1)));
        Add(views, Verdict.Of(Fact(1)));
        Assert.Equal([(Cell(7), new CellSum(1, 60, 0))], builder.Finish().Contents);
        Add(views, Verdict.Of(Fact(1)));
        var again = builder.Finish();
        Assert.Empty(again.Contents);
        Assert.Empty(again.PartitionDays);
        Assert.Empty(again.Claims);
        Assert.Equal([new ProgressMove(Views, 1, 1, 3)], again.Moves);
    }

    [Fact]
    public void Rows_of_the_same_id_in_another_epoch_stream_or_day_are_other_rows()
    {
        Add(views, Verdict.Of(Fact(1)));
        Add(views, Verdict.Of(Fact(1) with { SourceEpoch = 2 }));
        Add(views, Verdict.Of(Fact(1) with { Day = Rows.Day.AddDays(-1) }));
        Add(ads, Verdict.Of(Fact(1) with { Advertisement = new AdvertisementId(1) }));
        var counts = builder.Finish().Counts;
        Assert.Equal((3, 1), (counts.Counted[(int)SourceStream.ViewLogs], counts.Counted[(int)SourceStream.AdViews]));
    }

    [Fact]
    public void Rows_that_the_rule_does_not_let_count_are_claimed_and_kept_with_its_version()
    {
        var rules = new Eligibility([new EligibilityRule(1, 0, BusinessDay.Of(1, 1, 1)), new EligibilityRule(2, 30, Rows.Day)]);
        Add(views, Verdict.Of(Fact(1, seconds: 29)), rules);
        Add(views, Verdict.Of(Fact(2, seconds: 30)), rules);
        Add(views, Verdict.Of(Fact(3, seconds: 1) with { Day = Rows.Day.AddDays(-1) }), rules);
        Add(views, Verdict.Of(Fact(1, seconds: 29)), rules);
        Add(ads, Verdict.Of(Fact(1, seconds: 0) with { Advertisement = new AdvertisementId(1) }), rules);
        var chunk = builder.Finish();
        Assert.Equal([(1L, 2)], chunk.Excluded.Select(row => (row.Fact.RowId, row.RuleVersion)));
        Assert.Equal(2, chunk.Counts.Counted[(int)SourceStream.ViewLogs]);
        Assert.Equal(1, chunk.Counts.Counted[(int)SourceStream.AdViews]);
        Assert.Equal(1, chunk.Counts.Duplicate[(int)SourceStream.ViewLogs]);
        // Excluded rows belong to what the source counts.
        Assert.Contains((new PartitionDay(Views, Rows.Day), new Totals(2, 3, 59)), chunk.PartitionDays);
    }

    [Fact]
    public void A_marker_takes_the_totals_of_exactly_the_rows_before_it()
    {
        Add(views, Verdict.Of(Fact(1, seconds: 10)));
        Add(views, Verdict.Of(Fact(2, seconds: 20) with { Day = Rows.Day.AddDays(-1) }));
        Add(views, Rows.Judged(Rows.Marker()));
        Add(views, Verdict.Of(Fact(3, seconds: 30)));
        Add(views, Rows.Judged(Rows.Marker(attempt: 2)));
        var chunk = builder.Finish();
        Assert.Equal([new Totals(1, 1, 10), new Totals(2, 4, 40)], chunk.Seals.Select(seal => seal.OwnInChunk));
        Assert.Equal([2L, 4L], chunk.Seals.Select(seal => seal.Offset));
        Assert.Equal(new Totals(10, 55, 600), chunk.Seals[0].Marker.Totals);
    }

    [Fact]
    public void A_marker_of_an_empty_day_seals_zero_and_gives_the_day_its_generation()
    {
        Add(views, Rows.Judged(Rows.Marker()));
        var chunk = builder.Finish();
        Assert.Equal(default, Assert.Single(chunk.Seals).OwnInChunk);
        Assert.Equal([Rows.Day], chunk.Days);
    }

    [Fact]
    public void Only_rows_updated_at_or_after_the_cutoff_and_behind_the_marker_are_late()
    {
        Add(views, Verdict.Of(Fact(1) with { UpdatedAt = Rows.Noon }));
        Add(views, Rows.Judged(Rows.Marker()));
        Add(views, Verdict.Of(Fact(2) with { UpdatedAt = new SourceTime(Rows.Noon.Micros - 1) }));
        Add(views, Verdict.Of(Fact(3) with { UpdatedAt = Rows.Noon }));
        Add(views, Verdict.Of(Fact(4) with { UpdatedAt = Rows.Noon, Day = Rows.Day.AddDays(-1) }));
        Assert.Equal([0L, 1L], builder.Finish().Contents.Select(cell => cell.Sum.Late));
    }

    [Fact]
    public void The_checksum_wraps_as_the_source_computes_it()
    {
        Add(views, Verdict.Of(Fact(long.MaxValue)));
        Add(views, Verdict.Of(Fact(long.MaxValue - 1)));
        Add(views, Verdict.Of(Fact(5)));
        Assert.Equal(2UL, Assert.Single(builder.Finish().PartitionDays).Totals.IdSum);
    }

    [Fact]
    public void A_dead_letter_keeps_the_bytes_and_goes_to_the_topic_only_when_it_is_new()
    {
        var owned = new OwnedPartition(Views, 1, 0, 2, nextByRollups: 1, new StartPosition(0, StartKind.ReadAgain), []);
        var poison = Verdict.Of(new Poison(PoisonReason.Undecodable, "because"));
        for (var offset = 0; offset < 2; offset++)
        {
            builder.Add(owned, offset, poison, Everything, Rows.Raw([1], [2, 3]));
        }
        var letters = builder.Finish().DeadLetters;
        Assert.Equal([false, true], letters.Select(letter => letter.ToTopic));
        Assert.All(letters, letter => Assert.Equal((2, "1", "2,3"), (letter.Incarnation, string.Join(',', letter.Key!), string.Join(',', letter.Value!))));
    }

    [Fact]
    public void A_row_settles_its_dead_letter_also_when_it_was_counted_before()
    {
        Add(views, Verdict.Of(Fact(1)));
        Assert.Empty(builder.Finish().MayBeLetters);
        // A bad copy of the row that stands before the good one, read again.
        Add(views, Verdict.Of(new Poison(PoisonReason.UnknownContent, "", Rows.Day, RowId: 1, SourceEpoch: 1)));
        Add(views, Verdict.Of(Fact(1)));
        Assert.Equal([new ClaimedRow(Views, 1, 1)], builder.Finish().MayBeLetters);
    }

    [Fact]
    public void A_chunk_ends_at_its_limits()
    {
        var small = new ChunkBuilder(claims, new ChunkLimits(RowsMax: 10, CellsMax: 6, ClaimBlocksMax: 2, DeadLetterBytesMax: 1_000));
        Assert.True(small.HasRoomFor(6));
        Assert.False(small.HasRoomFor(7));
        for (var i = 0; i < 3; i++) Add(views, Verdict.Of(Fact(i + 1, content: i + 1)), Everything, small);
        Assert.True(small.HasRoomFor(3));
        Assert.False(small.HasRoomFor(4));
        Add(views, Verdict.Of(Fact(1L << 40, content: 1)), Everything, small);
        Assert.False(small.HasRoomFor(1));
        small.Finish();
        Assert.True(small.IsEmpty);
        Assert.True(small.HasRoomFor(6));
        small.Add(views, 99, Verdict.Of(new Poison(PoisonReason.Undecodable, "")), Everything, Rows.Raw(null, new byte[1_000]));
        Assert.False(small.HasRoomFor(1));
    }

    [Fact]
    public void Any_sequence_of_deliveries_counts_each_row_once()
    {
        Prop.ForAll(Gen.Choose(1, 60).Select(id => (long)id).ArrayOf().ToArbitrary(), ids =>
        {
            var cache = new ClaimCache(0);
            var chunks = new ChunkBuilder(cache, ChunkLimits.Default);
            var stored = new Dictionary<ClaimKey, byte[]>();
            var (owned, views, sum) = (Owned(Views), 0L, 0UL);
            void Commit()
            {
                var chunk = chunks.Finish();
                foreach (var claim in chunk.Claims) stored[claim.Key] = claim.Ids;
                views += chunk.Contents.Sum(cell => cell.Sum.Units);
                foreach (var (_, totals) in chunk.PartitionDays) sum += totals.IdSum;
                // A cache of no size: every block goes out after each commit and is read back.
                cache.Shrink(chunk.Number);
            }
            foreach (var id in ids)
            {
                // Ids far apart, so that several blocks are used.
                var fact = Fact(id << 14);
                var key = ClaimKey.Of(Views, fact);
                if (!cache.Contains(key)) cache.Load(key, stored.TryGetValue(key, out var block) ? ClaimBlock.FromBytes(block) : new ClaimBlock());
                chunks.Add(owned, owned.Position, Verdict.Of(fact), Everything, Rows.Raw(null, null));
                cache.Shrink(chunks.Number - 1);
                if (id % 5 == 0) Commit();
            }
            Commit();
            Assert.Equal(ids.Distinct().Count(), views);
            Assert.Equal(ids.Distinct().Aggregate(0UL, (total, id) => total + (ulong)(id << 14)), sum);
        }).QuickCheckThrowOnFailure();
    }

    private static OwnedPartition Owned(LogPartition at) => new(at, 1, 0, 1, 0, new StartPosition(0, StartKind.Continue), []);

    private static ContentCell Cell(long content) => new(Rows.Day, new ContentId(content), new CreatorId(5));

    private static Fact Fact(long id, long content = 7, int seconds = 60) =>
        new(id, 1, Rows.Day, new ContentId(content), new CreatorId(5), default, seconds, new SourceTime(Rows.Noon.Micros - 1_000));

    private void Add(OwnedPartition owned, Verdict verdict, Eligibility? rules = null, ChunkBuilder? into = null)
    {
        if (verdict.IsFact && ClaimKey.Of(owned.At, verdict.Fact) is var key && !claims.Contains(key)) claims.Load(key, new ClaimBlock());
        (into ?? builder).Add(owned, owned.Position, verdict, rules ?? Everything, Rows.Raw(null, null));
    }
}
