using BenchmarkDotNet.Attributes;
using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack.Generator;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Bench;

/// <summary>Ways to page through a log table: ingest uses two index ranges, because MariaDB reads everything behind the cursor for the others.</summary>
public class PageRace : Race
{
    private const string Columns = "select id, updated_at from daily_member_view_log";
    private const string Order = "order by updated_at, id limit";

    private SourceServer _server = null!;
    private MySqlDatabase _database = null!;
    private MySqlConnection _connection = null!;

    [Params(200_000)]
    public int Rows { get; set; } = 200_000;

    public int PageRows { get; set; } = 10_000;

    protected override async Task PrepareAsync()
    {
        _server = Keep(await SourceServer.StartAsync(MySqlHome, State, TimeProvider.System, default));
        _database = Keep(await _server.SourceDatabaseAsync("race_page"));
        var settings = new GeneratorSettings { Logs = Rows, Ads = 0, Contents = 100, Creators = 10, Day = BusinessDay.Of(2026, 3, 15) };
        await new SourceFiller(_database, settings).FillAsync(null, default);
        _connection = Keep(await _database.OpenAsync());
    }

    [Benchmark(Baseline = true)]
    public long TwoRanges()
    {
        var position = (UpdatedAt: new DateTime(1970, 1, 1), Id: 0L);
        var sum = 0L;
        while (true)
        {
            var before = sum;
            var taken = Read($"{Columns} where updated_at = @t and id > @i order by id limit {PageRows}", ref position, ref sum);
            if (taken < PageRows) taken += Read($"{Columns} where updated_at > @t {Order} {PageRows - taken}", ref position, ref sum);
            if (taken == 0) return before;
        }
    }

    [Benchmark]
    public long RowComparison()
    {
        var position = (UpdatedAt: new DateTime(1970, 1, 1), Id: 0L);
        var sum = 0L;
        while (Read($"{Columns} where (updated_at, id) > (@t, @i) {Order} {PageRows}", ref position, ref sum) > 0)
        {
        }
        return sum;
    }

    [Benchmark]
    public long Offset()
    {
        var position = (UpdatedAt: new DateTime(1970, 1, 1), Id: 0L);
        var (sum, offset) = (0L, 0);
        while (Read($"{Columns} {Order} {PageRows} offset {offset}", ref position, ref sum) is var taken and > 0) offset += taken;
        return sum;
    }

    /// <returns>Rows read; their ids are added to the sum, which is the same for every way.</returns>
    private int Read(string sql, ref (DateTime UpdatedAt, long Id) position, ref long sum)
    {
        using var command = new MySqlCommand(sql, _connection) { CommandTimeout = 600 };
        command.Parameters.AddWithValue("@t", position.UpdatedAt);
        command.Parameters.AddWithValue("@i", position.Id);
        using var reader = command.ExecuteReader();
        var rows = 0;
        while (reader.Read())
        {
            position = (reader.GetDateTime(1), reader.GetInt64(0));
            sum += position.Id;
            rows++;
        }
        return rows;
    }
}
