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

    public async Task<bool> TryLockAsync(MySqlConnection connection, CancellationToken cancel)
    {
        await ExecuteAsync(connection, $"set session wait_timeout = {SilenceSecondsMax}", cancel);
        return Convert.ToInt32(await ScalarAsync(connection, $"select get_lock('{settings.LockName}', 0)", cancel) ?? 0, CultureInfo.InvariantCulture) == 1;
    }

    /// <remarks>
    /// The order matters. The clock comes first. A statement that began before it is either running when the process list is read,
    /// or it has ended, and then its transaction has committed or is open when, after that, the transactions are read.
    /// </remarks>
    public async Task<SourceLook> LookAsync(MySqlConnection connection, bool fresh, CancellationToken cancel)
    {
        var now = await ReadClockAsync(connection, cancel);
        if (_lacksProcess) return new SourceLook(now, null, false);
        var open = await ReadStatementsAsync(connection, now, cancel);
        try
        {
            // innodb_trx is a copy that MySQL renews only when nobody has read it for 100 ms. A transaction of our own proves
            // that the copy is younger than the statement above, when it is listed with the very text of this query: an older
            // copy, which another reader had made while an earlier look's transaction was open, has another text or none.
            if (fresh) await ExecuteAsync(connection, "start transaction with consistent snapshot", cancel);
            var isFresh = await ReadTransactionsAsync(connection, now, open, ++_looks, cancel) && fresh;
            if (fresh) await ExecuteAsync(connection, "commit", cancel);
            return new SourceLook(now, open, isFresh);
        }
        catch (MySqlException refused) when (refused.Number == MySqlFaults.PrivilegeMissing)
        {
            _lacksProcess = true;
            if (fresh) await ExecuteAsync(connection, "commit", cancel);
            return new SourceLook(now, null, false);
        }
    }

    /// <remarks>
    /// MySQL has a UUID. MariaDB has not (its server_uid changes with the port): there it is host name, data directory and server id,
    /// which stay the same over restarts on one machine.
    /// </remarks>
    public static async Task<SourceServer> ReadServerAsync(MySqlConnection connection, CancellationToken cancel)
    {
        string identity;
        try
        {
            identity = (string)(await ScalarAsync(connection, "select @@server_uuid", cancel))!;
        }
        catch (MySqlException unknown) when (unknown.Number == MySqlFaults.UnknownVariable)
        {
            identity = (string)(await ScalarAsync(connection, "select concat(@@hostname, ':', @@datadir, '#', @@server_id)", cancel))!;
        }
        var highest = new Dictionary<SourceStream, long>();
        foreach (var stream in SourceStreams.All)
        {
            var table = PageQueries.TableOf(stream);
            var id = Convert.ToUInt64(await ScalarAsync(connection, $"select max(id) from {table}", cancel) ?? 0UL, CultureInfo.InvariantCulture);
            highest[stream] = SourceValue.Id(id, table, id, "id");
        }
        return new SourceServer(identity, highest);
    }

    public async Task<IReadOnlyDictionary<SourceStream, SourceTime?>> ReadNewestAsync(MySqlConnection connection, CancellationToken cancel)
    {
        var newest = new Dictionary<SourceStream, SourceTime?>();
        foreach (var stream in SourceStreams.All)
        {
            var micros = await ScalarAsync(connection, $"select timestampdiff(microsecond, '1970-01-01', max(updated_at)) from {PageQueries.TableOf(stream)}", cancel);
            newest[stream] = micros is null ? null : new SourceTime(Convert.ToInt64(micros, CultureInfo.InvariantCulture) - settings.OffsetMicros);
        }
        return newest;
    }

    private async Task<SourceTime> ReadClockAsync(MySqlConnection connection, CancellationToken cancel)
    {
        await using var command = new MySqlCommand(
            $"select timestampdiff(microsecond, '1970-01-01', now(6)), coalesce(is_used_lock('{settings.LockName}') = connection_id(), 0)", connection);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        var now = new SourceTime(reader.GetInt64(0) - settings.OffsetMicros);
        return reader.GetInt64(1) == 1 ? now : throw new SourceUnavailableException($"the lock '{settings.LockName}' was lost");
    }

    private async Task<List<OpenWork>> ReadStatementsAsync(MySqlConnection connection, SourceTime now, CancellationToken cancel)
    {
        // Rows that a replication thread writes keep the time of their origin, which no horizon can know: read from the primary.
        await using var command = new MySqlCommand(
            $"select id, {await MillisecondsAsync(connection, cancel)}, left(info, {RunningStatement.TextCharsMax}) from information_schema.processlist "
            + "where id <> connection_id() and user <> 'system user' and (command in ('Query', 'Execute') or info is not null)", connection);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var open = new List<OpenWork>();
        while (await reader.ReadAsync(cancel))
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
    private static async Task<bool> ReadTransactionsAsync(
        MySqlConnection connection, SourceTime now, List<OpenWork> open, long look, CancellationToken cancel)
    {
        // trx_started is in the zone of the server's system, whatever the session's zone: only the age is used.
        await using var command = new MySqlCommand(
            "select trx_mysql_thread_id, timestampdiff(microsecond, trx_started, convert_tz(now(6), @@session.time_zone, 'SYSTEM')), "
            + "trx_rows_modified > 0 or trx_rows_locked > 0, "
            + $"trx_mysql_thread_id = connection_id() and coalesce(locate('look {look};', trx_query), 0) > 0, cast(trx_id as char) "
            + "from information_schema.innodb_trx", connection);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var own = false;
        while (await reader.ReadAsync(cancel))
        {
            own |= reader.GetInt64(3) == 1;
            if (reader.GetInt64(2) == 0) continue;
            var age = TimeSpan.FromMicroseconds(Math.Max(0, reader.GetInt64(1)));
            // XA PREPARE takes a transaction from its connection.
            open.Add(new OpenWork(reader.GetInt64(0) is not 0 and var connectionId ? $"transaction of connection {connectionId}" : $"prepared XA transaction {reader.GetString(4)}", now - age));
        }
        return own;
    }

    /// <summary>MariaDB shows milliseconds, MySQL whole seconds.</summary>
    private async Task<string> MillisecondsAsync(MySqlConnection connection, CancellationToken cancel) =>
        _milliseconds ??= ((string)(await ScalarAsync(connection, "select version()", cancel))!).Contains("MariaDB", StringComparison.OrdinalIgnoreCase)
            ? "cast(time_ms as double)"
            : "time * 1000.0e0";

    private static async Task<object?> ScalarAsync(MySqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new MySqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancel) is var value and not DBNull ? value : null;
    }

    private static async Task ExecuteAsync(MySqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new MySqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancel);
    }
}
