using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;
using StreamSettlement.Hosting;
using StreamSettlement.Settlement;
using StreamSettlement.Settlement.Sink;

namespace StreamSettlement.IntegrationTests.Settlement;

/// <summary>What settlement said on the control topics; it can be told that the broker is away.</summary>
internal sealed class RecordedControlLog : IControlLog
{
    public List<ControlCommand> Commands { get; } = [];

    public List<ControlEvent> Events { get; } = [];

    public bool Reachable { get; set; } = true;

    public Task<bool> TrySendAsync(ControlCommand command, CancellationToken cancel)
    {
        if (Reachable) Commands.Add(command);
        return Task.FromResult(Reachable);
    }

    public Task<bool> TryPublishAsync(ControlEvent happened, CancellationToken cancel)
    {
        if (Reachable) Events.Add(happened);
        return Task.FromResult(Reachable);
    }
}

/// <summary>A database with the aggregator's own schema, filled as the aggregator would, and the settlement loop over it.</summary>
internal sealed class Books : IAsyncDisposable
{
    public const int Partitions = 3;

    private readonly NpgsqlDataSource _postgres;
    private readonly SettlementTelemetry _telemetry = new(NullLogger<SettlementTelemetry>.Instance);

    private Books(PostgresDatabase database)
    {
        (Database, _postgres) = (database, NpgsqlDataSource.Create(database.ConnectionString));
        Store = new PostgresStore(_postgres, Time);
        Wakeup = new Wakeup(Time);
        Loop = new SettlementLoop(Store, Control, Wakeup, _telemetry, Time);
    }

    public PostgresDatabase Database { get; }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 11, 22, 0, 0, 0, TimeSpan.Zero));

    public RecordedControlLog Control { get; } = new();

    public PostgresStore Store { get; }

    public Wakeup Wakeup { get; }

    public SettlementLoop Loop { get; }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<Books> CreateAsync(Servers servers)
    {
        var books = new Books(await servers.NewPostgresDatabaseAsync());
        await MigrateRollupAsync(books._postgres);
        await books.ExecuteAsync($"insert into rollup.partition_count values ('view-logs', {Partitions}), ('ad-views', {Partitions})");
        await books.Store.MigrateAsync(Token);
        return books;
    }

    /// <summary>The aggregator's schema, from the files it is shipped with.</summary>
    public static Task MigrateRollupAsync(NpgsqlDataSource postgres) =>
        PostgresSchema.MigrateAsync(postgres, "rollup", Assembly.Load("StreamSettlement.Aggregator"), Token);

    public Task<int> ExecuteAsync(FormattableString sql) => Database.ExecuteAsync(sql.ToString(CultureInfo.InvariantCulture), Token);

    public Task<List<T>> QueryAsync<T>(string sql, Func<NpgsqlDataReader, T> row) => Database.QueryAsync(sql, row, Token);

    public async Task<T> ScalarAsync<T>(string sql) => (T)(await Database.ScalarAsync(sql, Token))!;

    public async Task ViewsAsync(string day, long content, long creator, long views)
    {
        await ExecuteAsync($"insert into rollup.day_generation values ('{day}', 1) on conflict do nothing");
        await ExecuteAsync($"""
            insert into rollup.content_day (generation, log_date, content_id, creator_id, views, watch_seconds, late_views)
            values (1, '{day}', {content}, {creator}, {views}, {views} * 7, 0)
            on conflict (generation, log_date, content_id, creator_id) do update set
              views = content_day.views + excluded.views, watch_seconds = content_day.watch_seconds + excluded.watch_seconds
            """);
    }

    public async Task AdsAsync(string day, long content, long creator, long ads, long advertisement = 1)
    {
        await ExecuteAsync($"insert into rollup.day_generation values ('{day}', 1) on conflict do nothing");
        await ExecuteAsync($"""
            insert into rollup.ad_day (generation, log_date, content_id, advertisement_id, creator_id, ad_views, late_ad_views)
            values (1, '{day}', {content}, {advertisement}, {creator}, {ads}, 0)
            on conflict (generation, log_date, content_id, advertisement_id, creator_id) do update set ad_views = ad_day.ad_views + excluded.ad_views
            """);
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

    /// <summary>One step of the loop.</summary>
    public Task<string?> StepAsync() => Loop.StepAsync(Token);

    public async Task CloseAsync(string day, int attempt = 1)
    {
        await SealAsync(day, attempt);
        await StepAsync();
        Assert.Equal("Posted", await StatusAsync(day));
    }

    public async Task<string?> StatusAsync(string day) =>
        (string?)await Database.ScalarAsync($"select status from settlement.day where log_date = '{day}'", Token);

    /// <returns>Every row of settlement.payout as text, in order.</returns>
    public Task<List<string>> PayoutsAsync() => QueryAsync(
        "select log_date || ' ' || content_id || ' ' || creator_id || ' ' || kind || ' ' || units || ' ' || amount_micros from settlement.payout order by log_date, content_id, creator_id, kind",
        row => row.GetString(0));

    public Task<long> CountAsync(string table) => ScalarAsync<long>($"select count(*) from settlement.{table}");

    public async ValueTask DisposeAsync()
    {
        _telemetry.Dispose();
        await _postgres.DisposeAsync();
        await Database.DisposeAsync();
    }
}
