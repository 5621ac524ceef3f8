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

    [Fact]
    public async Task A_chunk_without_one_of_its_mechanisms_leaves_the_same_rollups()
    {
        var race = new MechanismRace { Rows = 1 };
        await race.StartAsync(servers.NewStateDirectory().Root);
        try
        {
            foreach (var way in new[] { race.AllMechanisms, race.WithoutClaims, race.WithoutEpochs, race.InSeparateTransactions, race.WithAHundredDeadLetters })
            {
                await way();
                Assert.Equal(1, await race.TakeViewsAsync());
            }
            Assert.Equal(1, race.ClaimInMemory());
            Assert.True(await race.LookForTheHorizon());
            Assert.True(race.ReadTheClockAlone());
        }
        finally
        {
            await race.StopAsync();
        }
    }

    [Fact]
    public async Task Chunks_never_deadlock_where_upserts_row_by_row_do()
    {
        var race = new ConcurrencyRace { Time = TimeSpan.FromMilliseconds(500), Contents = 200 };
        await race.StartAsync(servers.NewStateDirectory().Root);
        try
        {
            foreach (var crowd in new[] { new Crowd(1, 4, Shared: true), new Crowd(2, 8, Shared: true), new Crowd(4, 2, Shared: false) })
            {
                var result = await race.RunAsync(WriteWay.Chunks, crowd);
                Assert.Equal(0, result.Deadlocks);
                Assert.Equal(result.Rows, result.Views);
            }
            // The race can see a deadlock; and its victims leave nothing.
            var rival = await race.RunAsync(WriteWay.RowByRow, new Crowd(1, 4, Shared: true));
            Assert.NotEqual(0, rival.Deadlocks);
            Assert.Equal(rival.Rows, rival.Views);
        }
        finally
        {
            await race.StopAsync();
        }
    }
}
