using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Servers;
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

/// <summary>A database with rollups and books, and the settlement loop over it.</summary>
internal sealed class Books : IAsyncDisposable
{
    private readonly NpgsqlDataSource _postgres;
    private readonly SettlementTelemetry _telemetry = new(NullLogger<SettlementTelemetry>.Instance);

    private Books(PostgresDatabase database)
    {
        (Database, _postgres) = (database, NpgsqlDataSource.Create(database.ConnectionString));
        Journal = new DayJournal(_postgres);
        Store = new PostgresStore(_postgres, Journal, Time);
        Wakeup = new Wakeup(Time);
        Loop = new SettlementLoop(Store, Control, Wakeup, _telemetry, Time);
    }

    public PostgresDatabase Database { get; }

    public Rollups Rollups => new(Database);

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 11, 22, 0, 0, 0, TimeSpan.Zero));

    public RecordedControlLog Control { get; } = new();

    public DayJournal Journal { get; }

    public PostgresStore Store { get; }

    public Wakeup Wakeup { get; }

    public SettlementLoop Loop { get; }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<Books> CreateAsync(Servers servers)
    {
        var books = new Books(await servers.NewPostgresDatabaseAsync());
        await books.Rollups.MigrateAsync();
        await books.Store.MigrateAsync(Token);
        return books;
    }

    public Task<int> ExecuteAsync(FormattableString sql) => Database.ExecuteAsync(sql.ToString(CultureInfo.InvariantCulture), Token);

    public Task<List<T>> QueryAsync<T>(string sql, Func<NpgsqlDataReader, T> row) => Database.QueryAsync(sql, row, Token);

    public async Task<T> ScalarAsync<T>(string sql) => (T)(await Database.ScalarAsync(sql, Token))!;

    public Task ViewsAsync(string day, long content, long creator, long views) => Rollups.ViewsAsync(day, content, creator, views);

    public Task AdsAsync(string day, long content, long creator, long ads, long advertisement = 1) =>
        Rollups.AdsAsync(day, content, creator, ads, advertisement);

    public Task SealAsync(string day, int attempt = 1, long missingRows = 0) => Rollups.SealAsync(day, attempt, missingRows);

    public Task SealPartitionAsync(string day, SourceStream stream, int partition, int attempt = 1, long missingRows = 0) =>
        Rollups.SealPartitionAsync(day, stream, partition, attempt, missingRows);

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
        Journal.Dispose();
        await _postgres.DisposeAsync();
        await Database.DisposeAsync();
    }
}
