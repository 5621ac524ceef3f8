using System.Globalization;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;

namespace StreamSettlement.Cli.Demo;

/// <summary>How far the services are, at one moment.</summary>
/// <param name="Published">Rows acknowledged by Kafka.</param>
/// <param name="Consumed">Records behind the aggregator's stored positions, markers included.</param>
/// <param name="Seals">Partitions sealed for the day, of <paramref name="SealsTotal"/>; 0 of 0 before the aggregator knows its partitions.</param>
/// <param name="FirstRead">When ingest asked for its first rows; null before.</param>
internal sealed record PipelinePosition(long Published, long Consumed, int Seals, int SealsTotal, string Status, DateTimeOffset? FirstRead)
{
    public bool IsSealed => SealsTotal > 0 && Seals == SealsTotal;
}

/// <summary>Looks at a running stack from outside: ingest's metrics, the tables of aggregator and settlement.</summary>
internal sealed class PipelineProbe(LocalStack stack, BusinessDay day) : IDisposable
{
    private readonly HttpClient http = new() { Timeout = TimeSpan.FromSeconds(10) };
    private readonly string sql = $"""
        select coalesce((select sum(next_offset) from rollup.progress), 0)::bigint,
               (select count(*) from rollup.seal where log_date = '{day}')::int,
               coalesce((select sum(partitions) from rollup.partition_count), 0)::int,
               coalesce((select status from settlement.day where log_date = '{day}'), 'Open')
        """;


    /// <param name="before">What was seen last; once the day is sealed ingest has nothing more to tell.</param>
    public async Task<PipelinePosition> LookAsync(PipelinePosition? before, CancellationToken token)
    {
        var (published, firstRead) = before is { IsSealed: true } ? (before.Published, before.FirstRead) : await IngestAsync(token);
        var rows = await stack.Rollup.QueryAsync(
            sql, reader => new PipelinePosition(published, reader.GetInt64(0), reader.GetInt32(1), reader.GetInt32(2), reader.GetString(3), firstRead), token);
        return rows.Single();
    }

    public void Dispose() => http.Dispose();

    /// <summary>The sum of a metric over its labels, in Prometheus' text format.</summary>
    public static double Sum(string metrics, string name) => metrics.Split('\n')
        .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line.Length > name.Length && line[name.Length] is ' ' or '{')
        .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));

    private async Task<(long Published, DateTimeOffset? FirstRead)> IngestAsync(CancellationToken token)
    {
        try
        {
            var metrics = await http.GetStringAsync(new Uri(stack.Ingest!.Address, "/metrics"), token);
            var firstRead = Sum(metrics, "settlement_ingest_first_read_timestamp_seconds");
            return ((long)Sum(metrics, "settlement_ingest_rows_published_total"), firstRead > 0 ? DateTimeOffset.UnixEpoch.AddSeconds(firstRead) : null);
        }
        catch (HttpRequestException)
        {
            return (0, null); // ingest has just ended: the run watches its process and says so
        }
    }
}
