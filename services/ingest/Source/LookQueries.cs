using System.Globalization;
using MySqlConnector;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;

namespace StreamSettlement.Ingest.Source;

/// <summary>
/// What MySQL shows of itself: clock, lock, running statements, open transactions, identity. Used on the lock's connection.
/// </summary>
internal sealed class LookQueries(MySqlSettings settings)
{
    /// <summary>
    /// A session that is silent for so long is ended by the server, which gives the lock to a standby. As long as an aggregator may be silent, and
    /// for the same reason: a process that was only slow loses nothing but its turn.
    /// </summary>
    public const int SilenceSecondsMax = 10;

    private bool _lacksProcess;
    private long _looks;
    private string? _milliseconds;

    public bool TryLock(MySqlConnection connection)
    {
        Execute(connection, $"set session wait_timeout = {SilenceSecondsMax}");
        using var command = new MySqlCommand($"select get_lock('{settings.LockName}', 0)", connection);
        return Convert.ToInt32(command.ExecuteScalar() is { } got and not DBNull ? got : 0, CultureInfo.InvariantCulture) == 1;
    }

    /// <remarks>
    /// The order matters. The clock comes first. A statement that began before it is either running when the process list is read,
    /// or it has ended, and then its transaction has committed or is open when, after that, the transactions are read.
    /// </remarks>
    public SourceLook Look(MySqlConnection connection, bool fresh)
    {
        var now = ReadClock(connection);
        if (_lacksProcess) return new SourceLook(now, null, false);
        var open = ReadStatements(connection, now);
        try
        {
            // innodb_trx is a copy that MySQL renews only when nobody has read it for 100 ms. A transaction of our own proves
            // that the copy is younger than the statement above, when it is listed with the very text of this query: an older
            // copy, which another reader had made while an earlier look's transaction was open, has another text or none.
            if (fresh) Execute(connection, "start transaction with consistent snapshot");
            var isFresh = ReadTransactions(connection, now, open, ++_looks) && fresh;
            if (fresh) Execute(connection, "commit");
            return new SourceLook(now, open, isFresh);
        }
        catch (MySqlException refused) when (refused.Number == MySqlFaults.PrivilegeMissing)
        {
            _lacksProcess = true;
            if (fresh) Execute(connection, "commit");
            return new SourceLook(now, null, false);
        }
    }

    /// <remarks>
    /// MySQL has a UUID. MariaDB has not (its server_uid changes with the port): there it is host name, data directory and server id,
    /// which stay the same over restarts on one machine.
    /// </remarks>
    public static SourceServer ReadServer(MySqlConnection connection)
    {
        string identity;
        try
        {
            identity = (string)Scalar(connection, "select @@server_uuid")!;
        }
        catch (MySqlException unknown) when (unknown.Number == MySqlFaults.UnknownVariable)
        {
            identity = (string)Scalar(connection, "select concat(@@hostname, ':', @@datadir, '#', @@server_id)")!;
        }
        var highest = SourceStreams.All.ToDictionary(stream => stream, stream =>
            Convert.ToInt64(Scalar(connection, $"select coalesce(max(id), 0) from {PageQueries.TableOf(stream)}"), CultureInfo.InvariantCulture));
        return new SourceServer(identity, highest);
    }

    public IReadOnlyDictionary<SourceStream, SourceTime?> ReadNewest(MySqlConnection connection) =>
        SourceStreams.All.ToDictionary(stream => stream, stream =>
            Scalar(connection, $"select timestampdiff(microsecond, '1970-01-01', max(updated_at)) from {PageQueries.TableOf(stream)}") is long micros
                ? (SourceTime?)new SourceTime(micros - settings.OffsetMicros)
                : null);

    private SourceTime ReadClock(MySqlConnection connection)
    {
        using var command = new MySqlCommand(
            $"select timestampdiff(microsecond, '1970-01-01', now(6)), coalesce(is_used_lock('{settings.LockName}') = connection_id(), 0)", connection);
        using var reader = command.ExecuteReader();
        reader.Read();
        var now = new SourceTime(reader.GetInt64(0) - settings.OffsetMicros);
        return reader.GetInt64(1) == 1 ? now : throw new SourceUnavailableException($"the lock '{settings.LockName}' was lost");
    }

    private List<OpenWork> ReadStatements(MySqlConnection connection, SourceTime now)
    {
        // Rows that a replication thread writes keep the time of their origin, which no horizon can know: read from the primary.
        using var command = new MySqlCommand(
            $"select id, {Milliseconds(connection)}, left(info, {RunningStatement.TextCharsMax}) from information_schema.processlist "
            + "where id <> connection_id() and user <> 'system user' and (command in ('Query', 'Execute') or info is not null)", connection);
        using var reader = command.ExecuteReader();
        var open = new List<OpenWork>();
        while (reader.Read())
        {
            if (!RunningStatement.MayWrite(reader.IsDBNull(2) ? null : reader.GetString(2))) continue;
            var age = reader.IsDBNull(1) ? 0 : reader.GetDouble(1);
            open.Add(new OpenWork($"statement of connection {reader.GetInt64(0)}", now - TimeSpan.FromMilliseconds(Math.Clamp(age, 0, AgeMsMax))));
        }
        return open;
    }

    /// <summary>A clock that was set makes MySQL show ages of centuries.</summary>
    private const double AgeMsMax = 365.0 * 86_400_000;

    /// <returns>Whether the transaction of this connection is listed as it runs this very query.</returns>
    private static bool ReadTransactions(MySqlConnection connection, SourceTime now, List<OpenWork> open, long look)
    {
        // trx_started is in the zone of the server's system, whatever the session's zone: only the age is used.
        using var command = new MySqlCommand(
            "select trx_mysql_thread_id, timestampdiff(microsecond, trx_started, convert_tz(now(6), @@session.time_zone, 'SYSTEM')), "
            + "trx_rows_modified > 0 or trx_rows_locked > 0, "
            + $"trx_mysql_thread_id = connection_id() and coalesce(locate('look {look};', trx_query), 0) > 0 "
            + "from information_schema.innodb_trx", connection);
        using var reader = command.ExecuteReader();
        var own = false;
        while (reader.Read())
        {
            own |= reader.GetInt64(3) == 1;
            if (reader.GetInt64(2) == 0) continue;
            var age = TimeSpan.FromMicroseconds(Math.Max(0, reader.GetInt64(1)));
            open.Add(new OpenWork($"transaction of connection {reader.GetInt64(0)}", now - age));
        }
        return own;
    }

    /// <summary>MariaDB shows milliseconds, MySQL whole seconds.</summary>
    private string Milliseconds(MySqlConnection connection) =>
        _milliseconds ??= ((string)Scalar(connection, "select version()")!).Contains("MariaDB", StringComparison.OrdinalIgnoreCase)
            ? "cast(time_ms as double)"
            : "time * 1000.0e0";

    private static object? Scalar(MySqlConnection connection, string sql)
    {
        using var command = new MySqlCommand(sql, connection);
        return command.ExecuteScalar() is var value and not DBNull ? value : null;
    }

    private static void Execute(MySqlConnection connection, string sql)
    {
        using var command = new MySqlCommand(sql, connection);
        command.ExecuteNonQuery();
    }
}
