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
    public ControlTotals ReadTotals(MySqlConnection connection, SourceStream stream, BusinessDay day, SourceTime below)
    {
        var (completed, seconds) = stream == SourceStream.ViewLogs ? (" and status = 'COMPLETED'", "coalesce(sum(watch_seconds), 0)") : ("", "0");
        using var command = new MySqlCommand(
            $"select count(*), cast(mod(coalesce(sum(id), 0), 18446744073709551616) as char), cast({seconds} as char) "
            + $"from {PageQueries.TableOf(stream)} where log_date = '{day}'{completed} and updated_at < {settings.Literal(below)}", connection)
        {
            CommandTimeout = ScanTimeoutSeconds,
        };
        using var reader = command.ExecuteReader();
        reader.Read();
        return new ControlTotals(
            reader.GetInt64(0),
            ulong.Parse(reader.GetString(1), CultureInfo.InvariantCulture),
            long.Parse(reader.GetString(2), CultureInfo.InvariantCulture));
    }

    /// <returns>Null where the day has no rows below the bound.</returns>
    public DayExtent? ReadExtent(MySqlConnection connection, SourceStream stream, BusinessDay day, SourceTime below)
    {
        using var command = new MySqlCommand(
            $"select count(*), min(id), max(id) from {PageQueries.TableOf(stream)} where log_date = '{day}' and updated_at < {settings.Literal(below)}", connection)
        {
            CommandTimeout = ScanTimeoutSeconds,
        };
        using var reader = command.ExecuteReader();
        reader.Read();
        var rows = reader.GetInt64(0);
        return rows == 0 ? null : new DayExtent(new IdRange(reader.GetInt64(1), reader.GetInt64(2)), rows);
    }
}
