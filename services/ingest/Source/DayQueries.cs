using System.Globalization;
using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.Ingest.Source;

/// <summary>What is asked about a whole business day.</summary>
internal sealed class DayQueries(MySqlSettings settings)
{
    /// <summary>A scan of a day of hundreds of millions of rows takes minutes.</summary>
    private const int ScanTimeoutSeconds = 3_600;

    /// <summary>
    /// One statement, and so one consistent read. Computed from the table alone and not from what was published: that is what makes
    /// it a control.
    /// </summary>
    public async Task<ControlTotals> ReadTotalsAsync(MySqlConnection connection, SourceStream stream, BusinessDay day, SourceTime below, CancellationToken cancel)
    {
        var (completed, seconds) = stream == SourceStream.ViewLogs ? (" and status = 'COMPLETED'", "coalesce(sum(watch_seconds), 0)") : ("", "0");
        await using var command = new MySqlCommand(
            $"select count(*), cast(mod(coalesce(sum(id), 0), 18446744073709551616) as char), cast({seconds} as char) "
            + $"from {PageQueries.TableOf(stream)} where log_date = '{day}'{completed} and updated_at < {settings.Literal(below)}", connection)
        {
            CommandTimeout = ScanTimeoutSeconds,
        };
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return new ControlTotals(
            reader.GetInt64(0),
            ulong.Parse(reader.GetString(1), CultureInfo.InvariantCulture),
            long.Parse(reader.GetString(2), CultureInfo.InvariantCulture));
    }

    /// <returns>Null where the day has no rows below the bound.</returns>
    public async Task<DayExtent?> ReadExtentAsync(MySqlConnection connection, SourceStream stream, BusinessDay day, SourceTime below, CancellationToken cancel)
    {
        var table = PageQueries.TableOf(stream);
        await using var command = new MySqlCommand(
            $"select count(*), min(id), max(id) from {table} where log_date = '{day}' and updated_at < {settings.Literal(below)}", connection)
        {
            CommandTimeout = ScanTimeoutSeconds,
        };
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        var rows = reader.GetInt64(0);
        return rows == 0 ? null : new DayExtent(new IdRange(Id(1), Id(2)), rows);

        long Id(int ordinal) => SourceValue.Id(reader.GetUInt64(ordinal), table, reader.GetUInt64(ordinal), "id");
    }
}
