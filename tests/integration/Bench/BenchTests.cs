using StreamSettlement.Bench;

namespace StreamSettlement.IntegrationTests.Bench;

/// <summary>Every benchmark runs once at size 1 and gives what its rivals give, so that none can rot.</summary>
public sealed class BenchTests(Servers servers)
{
    [Fact]
    public async Task Every_way_of_writing_rollups_leaves_the_same_rows()
    {
        var race = new RollupWriteRace { Cells = 1 };
        await race.StartAsync(servers.NewStateDirectory().Root);
        try
        {
            var results = new List<string>();
            foreach (var way in new[] { race.RowByRow, race.Batched, race.Unnest, race.CopyAndMerge })
            {
                await way();
                await way();
                results.Add(await race.TakeResultAsync());
            }
            Assert.All(results, result => Assert.Equal("1:4:60", result));
        }
        finally
        {
            await race.StopAsync();
        }
    }

    [Fact]
    public async Task Every_way_of_writing_an_entry_leaves_the_same_lines()
    {
        var race = new LedgerWriteRace { Lines = 1 };
        await race.StartAsync(servers.NewStateDirectory().Root);
        try
        {
            foreach (var way in new[] { race.RowByRow, race.Batched, race.Unnest, race.Copy })
                Assert.Equal("1 lines, 1 units, 1000000 micros", await way());
        }
        finally
        {
            await race.StopAsync();
        }
    }

    [Fact]
    public async Task Every_way_of_paging_reads_the_same_rows()
    {
        var race = new PageRace { Rows = 25, PageRows = 10 };
        await race.StartAsync(servers.NewStateDirectory().Root);
        try
        {
            Assert.All([race.TwoRanges(), race.RowComparison(), race.Offset()], sum => Assert.Equal(25L * 26 / 2, sum));
        }
        finally
        {
            await race.StopAsync();
        }
    }

    [Fact]
    public async Task What_is_produced_is_consumed()
    {
        var race = new BrokerRace { Records = 1 };
        await race.StartAsync(servers.NewStateDirectory().Root);
        try
        {
            race.NextTopic();
            Assert.Equal(1, race.Produce());
            Assert.Equal(1, race.Consume());
        }
        finally
        {
            await race.StopAsync();
        }
    }
}
