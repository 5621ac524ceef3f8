using System.Globalization;
using StreamSettlement.Cli.Api;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Generator;

namespace StreamSettlement.Cli.Demo;

/// <summary>Compares source, rollups, payouts and ledger by plain SQL, each in its own database.</summary>
internal sealed class Reconciliation(LocalStack stack, GeneratorSettings rows, TimeProvider time)
{
    private const int TopCreators = 5;

    public async Task<PipelineReport> ReportAsync(StageSeconds seconds, ResourceUse use, DayState state, CancellationToken token)
    {
        var day = rows.Day;
        var logs = await SourceAsync("select count(*) from daily_member_view_log", token);
        var ads = await SourceAsync("select count(*) from ad_view_log", token);
        var completed = await SourceAsync($"select count(*) from daily_member_view_log where log_date = '{day}' and status = 'COMPLETED'", token);
        var adsOfDay = await SourceAsync($"select count(*) from ad_view_log where log_date = '{day}'", token);
        var countedViews = await RollupAsync($"select coalesce(sum(views), 0) from rollup.content_daily where log_date = '{day}'", token);
        var countedAds = await RollupAsync($"select coalesce(sum(ad_views), 0) from rollup.ad_daily where log_date = '{day}'", token);
        var excluded = await RollupAsync($"select count(*) from rollup.excluded where log_date = '{day}'", token);
        var deadLetters = await RollupAsync("select count(*) from rollup.dead_letter where state = 'open'", token);
        var paidViews = await RollupAsync($"select coalesce(sum(units), 0) from settlement.payout where log_date = '{day}' and kind = 'view'", token);
        var paidAds = await RollupAsync($"select coalesce(sum(units), 0) from settlement.payout where log_date = '{day}' and kind = 'ad'", token);
        var payout = await RollupAsync($"select coalesce(sum(amount_micros), 0) from settlement.payout where log_date = '{day}'", token);
        var ledger = await RollupAsync("select coalesce(sum(amount_micros), 0) from settlement.balance", token);
        var reconciled = state.IsPosted && completed + adsOfDay == countedViews + countedAds + excluded && completed >= countedViews && adsOfDay >= countedAds
            && countedViews == paidViews && countedAds == paidAds && payout == ledger;
        return new PipelineReport(day.ToString(), rows.Seed, logs, ads, completed, countedViews, countedAds, excluded, deadLetters, paidViews, paidAds, seconds,
            seconds.Pipeline > 0 ? (long)((logs + ads) / seconds.Pipeline) : 0, use.PeakRssMb, use.CpuSeconds, stack.Servers, payout, ledger, reconciled, state.Status,
            state.IsPosted ? null : $"{state.Refusal}{(state.Detail is null ? "" : ": " + state.Detail)}",
            await GroupBySecondsAsync(token), await TopAsync(token));
    }

    private async Task<double> GroupBySecondsAsync(CancellationToken token)
    {
        var start = time.GetTimestamp();
        await SourceAsync($"""
            select count(*) from (select content_post_id, count(*), sum(watch_seconds) from daily_member_view_log
             where log_date = '{rows.Day}' and status = 'COMPLETED' group by content_post_id) grouped
            """, token);
        return Math.Round(time.GetElapsedTime(start).TotalSeconds, 3);
    }

    private async Task<long> SourceAsync(string sql, CancellationToken token) =>
        Convert.ToInt64(await stack.Source.ScalarAsync(sql, token), CultureInfo.InvariantCulture);

    private async Task<long> RollupAsync(string sql, CancellationToken token) =>
        Convert.ToInt64(await stack.Rollup.ScalarAsync(sql, token), CultureInfo.InvariantCulture);

    private Task<List<CreatorPayout>> TopAsync(CancellationToken token) => stack.Rollup.QueryAsync($"""
        select creator_id, (coalesce(sum(units) filter (where kind = 'view'), 0))::bigint, (coalesce(sum(units) filter (where kind = 'ad'), 0))::bigint, sum(amount_micros)::bigint
        from settlement.payout where log_date = '{rows.Day}' group by creator_id order by 4 desc, 1 limit {TopCreators}
        """, reader => new CreatorPayout(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3)), token);
}
