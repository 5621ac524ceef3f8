using System.Globalization;
using System.Reflection;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Hosting;

namespace StreamSettlement.IntegrationTests.Settlement;

/// <summary>The aggregator's own schema, filled as the aggregator would.</summary>
internal sealed class Rollups(PostgresDatabase database)
{
    public const int Partitions = 3;

    /// <summary>The schema from the files that the aggregator is shipped with.</summary>
    public async Task MigrateAsync()
    {
        await using var postgres = NpgsqlDataSource.Create(database.ConnectionString);
        await PostgresSchema.MigrateAsync(postgres, "rollup", Assembly.Load("StreamSettlement.Aggregator"), TestContext.Current.CancellationToken);
        await ExecuteAsync($"insert into rollup.partition_count values ('view-logs', {Partitions}), ('ad-views', {Partitions})");
    }

    public async Task ViewsAsync(string day, long content, long creator, long views)
    {
        await ExecuteAsync($"insert into rollup.day_generation values ('{day}', 1) on conflict do nothing");
        await ExecuteAsync($"""
            insert into rollup.content_day (generation, log_date, content_id, creator_id, views, watch_seconds, late_views)
            values (1, '{day}', {content}, {creator}, {views}, {views} * 7, 0)
            on conflict (generation, log_date, content_id, creator_id) do update set
              views = content_day.views + excluded.views, watch_seconds = content_day.watch_seconds + excluded.watch_seconds
            """);
        await CountAsync(day, SourceStream.ViewLogs, views);
    }

    public async Task AdsAsync(string day, long content, long creator, long ads, long advertisement = 1)
    {
        await ExecuteAsync($"insert into rollup.day_generation values ('{day}', 1) on conflict do nothing");
        await ExecuteAsync($"""
            insert into rollup.ad_content_day as d (generation, log_date, content_id, creator_id, ad_views, late_ad_views, lines, summed_lines)
            values (1, '{day}', {content}, {creator}, {ads}, 0, array[array[{advertisement}::bigint, {ads}]], 1)
            on conflict (generation, log_date, content_id, creator_id) do update set ad_views = d.ad_views + excluded.ad_views, lines = d.lines || excluded.lines
            """);
        await CountAsync(day, SourceStream.AdViews, ads);
    }

    /// <summary>Seals every partition of both streams; the source's totals are those of the rollups plus <paramref name="missingRows"/>.</summary>
    public async Task SealAsync(string day, int attempt = 1, long missingRows = 0)
    {
        foreach (var stream in SourceStreams.All)
        {
            for (var partition = 0; partition < Partitions; partition++) await SealPartitionAsync(day, stream, partition, attempt, missingRows);
        }
    }

    /// <summary>The partition's share is every third row; sums of ids pass 2^64.</summary>
    public Task SealPartitionAsync(string day, SourceStream stream, int partition, int attempt = 1, long missingRows = 0)
    {
        var (rows, seconds) = stream == SourceStream.ViewLogs
            ? ($"(select coalesce(sum(views), 0) from rollup.content_daily where log_date = '{day}')",
               $"(select coalesce(sum(watch_seconds), 0) from rollup.content_daily where log_date = '{day}')")
            : ($"(select coalesce(sum(ad_views), 0) from rollup.ad_daily where log_date = '{day}')", "0");
        return ExecuteAsync($"""
            insert into rollup.seal (generation, stream, partition, log_date, attempt, cutoff, horizon, marker_rows, marker_id_sum, marker_watch_seconds,
              own_rows, own_id_sum, own_watch_seconds, kafka_offset)
            select 1, '{stream.Name()}', {partition}, '{day}', {attempt}, now(), now(),
              total + {missingRows}, mod({Partitions}::numeric * 12345678901234567890 + {missingRows}, 18446744073709551616), seconds,
              total / {Partitions} + case when {partition} = 0 then mod(total, {Partitions}) else 0 end,
              12345678901234567890,
              seconds / {Partitions} + case when {partition} = 0 then mod(seconds, {Partitions}) else 0 end,
              0
            from (select {rows}::bigint as total, {seconds}::bigint as seconds) sums
            """);
    }

    /// <summary>The partition's own running totals, which the aggregator moves with every row that it adds to the rollups.</summary>
    public Task CountAsync(string day, SourceStream stream, long rows) => ExecuteAsync($"""
        insert into rollup.partition_day as known (generation, stream, partition, log_date, rows, id_sum, watch_seconds)
        values (1, '{stream.Name()}', 0, '{day}', {rows}, {rows} * 11, {rows} * 7)
        on conflict (generation, stream, partition, log_date) do update set rows = known.rows + excluded.rows, id_sum = known.id_sum + excluded.id_sum
        """);

    private Task<int> ExecuteAsync(FormattableString sql) => database.ExecuteAsync(sql.ToString(CultureInfo.InvariantCulture), TestContext.Current.CancellationToken);
}
