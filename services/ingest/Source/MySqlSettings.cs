using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using MySqlConnector;
using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest.Source;

/// <summary>How every connection is opened and how times are written in SQL.</summary>
internal sealed class MySqlSettings
{
    /// <summary>Longest lock name that MySQL takes.</summary>
    private const int LockNameCharsMax = 64;

    /// <summary>A page that reads longer than this comes from a server that does not answer.</summary>
    private const int CommandTimeoutSeconds = 120;

    /// <summary>
    /// After so long without a byte the system asks whether the other side is still there, nine times, once a second: a connection that was lost without a
    /// word is noticed while MySQL is thought to compute an hour's totals.
    /// </summary>
    private const int KeepaliveSeconds = 10;

    private readonly string _connectionString;
    private readonly string _sourceTimeOffset;
    private readonly TimeSpan _offset;

    public MySqlSettings(IngestOptions options)
    {
        // Dates are read as MySQL keeps them: some are none of the calendar's.
        var builder = new MySqlConnectionStringBuilder(options.MySql) { Pooling = false, AllowZeroDateTime = true, DefaultCommandTimeout = CommandTimeoutSeconds };
        if (builder.Keepalive == 0) builder.Keepalive = KeepaliveSeconds;
        _connectionString = builder.ConnectionString;
        _sourceTimeOffset = options.SourceTimeOffset;
        _offset = options.SourceOffset;
        LockName = NameOfLock(options.TopicPrefix, builder.Database);
    }

    /// <summary>A server may hold the databases of two platforms, and two deployments may read one: each has one active ingest.</summary>
    public string LockName { get; }

    /// <summary>Microseconds that the source's local times are ahead of UTC.</summary>
    public long OffsetMicros => _offset.Ticks / TimeSpan.TicksPerMicrosecond;

    public async Task<MySqlConnection> OpenAsync(CancellationToken cancel)
    {
        var connection = new MySqlConnection(_connectionString);
        try
        {
            await connection.OpenAsync(cancel);
            await using var setup = new MySqlCommand(
                $"set time_zone = '{_sourceTimeOffset}', sql_mode = ''; "
                + "set session transaction isolation level repeatable read", connection);
            await setup.ExecuteNonQueryAsync(cancel);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <returns>A literal in the source's own zone: <c>'2026-11-21 15:04:05.123456'</c>.</returns>
    public string Literal(SourceTime time) =>
        Local(time).ToString("\\'yyyy-MM-dd HH:mm:ss.ffffff\\'", CultureInfo.InvariantCulture);

    /// <returns>By the source's own zone, for a parameter.</returns>
    public DateTime Local(SourceTime time) => (time + _offset).ToUtc();

    /// <param name="prefix">The deployment's; see <see cref="IngestOptions.TopicPrefix"/>.</param>
    public static string NameOfLock(string prefix, string database)
    {
        const string ingest = "stream-settlement-ingest:";
        var name = $"{prefix}{ingest}{database}";
        // MySQL ignores the case of lock names, Kafka does not ignore that of topics.
        if (name.Length <= LockNameCharsMax && !prefix.Any(char.IsAsciiLetterUpper)) return name;
        var hashed = prefix.Length == 0 ? database : name;
        return $"{ingest}{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(hashed)))[..32]}";
    }
}
