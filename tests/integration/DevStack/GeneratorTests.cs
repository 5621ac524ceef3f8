using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Generator;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.IntegrationTests.DevStack;

public sealed class GeneratorTests(Servers servers)
{
    private static readonly string[] Columns =
    [
        "select concat_ws(',', id, nickname) as row_text from member",
        "select concat_ws(',', id, creator_id, title, duration_seconds) as row_text from content_post",
        "select concat_ws(',', id, title, advertiser) as row_text from advertisement",
        "select concat_ws(',', id, member_id, content_post_id, log_date, watch_seconds, last_position_seconds, status) as row_text from daily_member_view_log",
        "select concat_ws(',', id, member_id, content_post_id, advertisement_id, log_date) as row_text from ad_view_log",
    ];

    private static GeneratorSettings Small => new()
    {
        Logs = 20_000,
        Ads = 9_000,
        Contents = 200,
        Creators = 20,
        Advertisements = 10,
        Seed = 7,
        Day = BusinessDay.Of(2026, 11, 21),
        Days = 3,
    };

    [Fact]
    public async Task The_same_seed_gives_the_same_rows_and_another_gives_others()
    {
        await using var one = await FilledAsync(Small);
        await using var same = await FilledAsync(Small);
        await using var other = await FilledAsync(Small with { Seed = 8 });
        Assert.Equal(await FingerprintAsync(one), await FingerprintAsync(same));
        Assert.NotEqual(await FingerprintAsync(one), await FingerprintAsync(other));
    }

    [Fact]
    public async Task Live_rows_end_as_the_rows_that_a_fill_would_have_made()
    {
        await using var live = await servers.NewSourceDatabaseAsync();
        var generator = new LiveGenerator(live, Small, 500, TimeProvider.System);
        var sawBegun = false;
        await generator.RunAsync(TimeSpan.FromSeconds(1), new Inline<LiveGenerator>(now => sawBegun |= now.Begun > 0 && now.Ended == 0), TestContext.Current.CancellationToken);
        Assert.True(sawBegun);
        var logs = Convert.ToInt32(await live.ScalarAsync("select count(*) from daily_member_view_log", TestContext.Current.CancellationToken), null);
        var ads = Convert.ToInt32(await live.ScalarAsync("select count(*) from ad_view_log", TestContext.Current.CancellationToken), null);
        Assert.Equal(generator.Begun, logs + ads);
        Assert.Equal(generator.Ended, logs);

        await using var filled = await FilledAsync(Small with { Logs = logs, Ads = ads });
        Assert.Equal(await FingerprintAsync(filled), await FingerprintAsync(live));
    }

    [Fact]
    public async Task Filling_again_adds_rows_behind_the_ones_that_are_there()
    {
        await using var source = await FilledAsync(Small with { Logs = 100, Ads = 50 });
        await new SourceFiller(source, Small with { Logs = 100, Ads = 50 }).FillAsync(null, TestContext.Current.CancellationToken);
        await using var once = await FilledAsync(Small with { Logs = 200, Ads = 100 });
        Assert.Equal(await FingerprintAsync(once), await FingerprintAsync(source));
    }

    [Fact]
    public async Task Four_of_five_logs_are_completed_and_the_days_are_filled_evenly()
    {
        await using var source = await FilledAsync(Small);
        var token = TestContext.Current.CancellationToken;
        var completed = Convert.ToDouble(await source.ScalarAsync("select avg(status = 'COMPLETED') from daily_member_view_log", token), null);
        Assert.InRange(completed, 0.78, 0.82);
        Assert.Equal(3L, await source.ScalarAsync("select count(distinct log_date) from daily_member_view_log", token));
        var least = Convert.ToInt64(await source.ScalarAsync("select min(n) from (select count(*) n from daily_member_view_log group by log_date) d", token), null);
        Assert.InRange(least, 6_200, 6_667);
    }

    private async Task<MySqlDatabase> FilledAsync(GeneratorSettings settings)
    {
        var database = await servers.NewSourceDatabaseAsync();
        await new SourceFiller(database, settings).FillAsync(null, TestContext.Current.CancellationToken);
        return database;
    }

    // Count and order-free checksum of every table, without the times that the server assigns.
    private static async Task<string> FingerprintAsync(MySqlDatabase database)
    {
        var parts = new List<string>();
        foreach (var rows in Columns)
            parts.Add(Convert.ToString(await database.ScalarAsync($"select cast(concat(count(*), ':', bit_xor(cast(conv(left(sha2(row_text, 256), 16), 16, 10) as unsigned))) as char) from ({rows}) t", TestContext.Current.CancellationToken), null)!);
        return string.Join(' ', parts);
    }

    private sealed class Inline<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }
}
