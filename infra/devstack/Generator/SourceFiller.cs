using System.Text;
using MySqlConnector;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.DevStack.Generator;

/// <summary>How far the generator is.</summary>
internal readonly record struct FillProgress(long Rows, long RowsTotal);

/// <summary>
/// Fills a source database as fast as the server takes it: LOAD DATA over several connections, which costs the server two thirds of what
/// an INSERT of many rows costs, and the client a tenth. Ids are assigned here, behind the highest that is there; updated_at by the
/// server alone.
/// </summary>
internal sealed class SourceFiller(MySqlDatabase database, GeneratorSettings settings)
{
    /// <summary>Rows of one statement, and of one transaction. More gains nothing; fewer cost a flush to disk each.</summary>
    private const int RowsPerStatement = 5_000;

    private const int Connections = 3;

    private readonly SourceRows rows = new(settings.Validated());
    private long written;

    /// <summary>Adds members, contents and advertisements as far as they are missing, then the logs and the ad views.</summary>
    /// <exception cref="DevStackException">The database refused; the message says what.</exception>
    public async Task FillAsync(IProgress<FillProgress>? progress, CancellationToken token)
    {
        try
        {
            await FillMastersAsync(token);
            var (firstLog, firstAd) = (await NextIdAsync(SourceTable.ViewLog, token), await NextIdAsync(SourceTable.AdView, token));
            var batches = Batches(SourceTable.ViewLog, rows.AppendViewLog, firstLog, settings.Logs)
                .Concat(Batches(SourceTable.AdView, rows.AppendAdView, firstAd, settings.Ads));
            await RunAsync(batches, count => progress?.Report(new FillProgress(Interlocked.Add(ref written, count), (long)settings.Logs + settings.Ads)), token);
        }
        catch (MySqlException e)
        {
            throw database.Refused(e, token);
        }
    }

    /// <summary>Members, contents and advertisements, as far as they are missing.</summary>
    public async Task FillMastersAsync(CancellationToken token)
    {
        // A content refers to its creator.
        await RunAsync(await MissingAsync(SourceTable.Member, rows.AppendMember, rows.Members, token), null, token);
        await RunAsync(
            (await MissingAsync(SourceTable.Content, rows.AppendContent, settings.Contents, token))
            .Concat(await MissingAsync(SourceTable.Advertisement, SourceRows.AppendAdvertisement, settings.Advertisements, token)), null, token);
    }

    public async Task<long> NextIdAsync(SourceTable table, CancellationToken token) =>
        Convert.ToInt64(await database.ScalarAsync($"select coalesce(max(id), 0) + 1 from {table.Name}", token), null);

    private async Task<IEnumerable<Batch>> MissingAsync(SourceTable table, AppendRow append, int wanted, CancellationToken token)
    {
        var next = await NextIdAsync(table, token);
        return Batches(table, append, next, checked((int)Math.Max(0, wanted - next + 1)));
    }

    private static IEnumerable<Batch> Batches(SourceTable table, AppendRow append, long firstId, int count)
    {
        for (var done = 0L; done < count; done += RowsPerStatement)
            yield return new Batch(table, append, firstId + done, (int)Math.Min(RowsPerStatement, count - done));
    }

    private async Task RunAsync(IEnumerable<Batch> batches, Action<int>? written, CancellationToken token) =>
        await Parallel.ForEachAsync(batches, new ParallelOptions { MaxDegreeOfParallelism = Connections, CancellationToken = token }, async (batch, ct) =>
        {
            await LoadAsync(batch, ct);
            written?.Invoke(batch.Count);
        });

    private async Task LoadAsync(Batch batch, CancellationToken token)
    {
        await using var connection = await database.OpenAsync(token);
        var loader = new MySqlBulkLoader(connection)
        {
            Local = true, SourceStream = Text(batch), TableName = batch.Table.Name, FieldTerminator = "\t", LineTerminator = "\n", Timeout = 300,
        };
        loader.Columns.AddRange(batch.Table.Columns);
        var loaded = await loader.LoadAsync(token);
        // LOAD DATA LOCAL skips a row whose id is there already instead of failing.
        if (loaded != batch.Count)
            throw new DevStackException($"{batch.Table.Name}: {loaded} of the rows {batch.FirstId} to {batch.FirstId + batch.Count - 1} were taken. Does somebody else write there?");
    }

    private static MemoryStream Text(Batch batch)
    {
        var text = new StringBuilder(batch.Count * 64);
        for (var row = 0; row < batch.Count; row++) batch.Append(text, RowFormat.Line, batch.FirstId + row);
        var bytes = new MemoryStream(text.Length);
        using (var writer = new StreamWriter(bytes, leaveOpen: true)) writer.Write(text);
        bytes.Position = 0;
        return bytes;
    }

    private readonly record struct Batch(SourceTable Table, AppendRow Append, long FirstId, int Count);
}
