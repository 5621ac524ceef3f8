using System.Collections.Concurrent;
using System.Net.Sockets;
using MySqlConnector;

namespace StreamSettlement.Ingest.Source;

/// <summary>
/// One connection and the thread that uses it: MySql.Data 8.0.16 has no asynchronous calls worth the name, so what blocks does it
/// here, behind the port. While nobody asks for anything it says that it is still there.
/// </summary>
internal sealed class MySqlThread : IDisposable
{
    /// <summary>Two of these fit <see cref="LookQueries.SilenceSecondsMax"/>, and four seconds more for a thread that has to wait for a processor.</summary>
    private static readonly TimeSpan PingAfter = TimeSpan.FromSeconds(3);

    private readonly BlockingCollection<Action> _jobs = [];
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly MySqlSettings _settings;
    private MySqlConnection? _connection;

    /// <summary>Of the call that failed: the connection's state is unknown then, it is not used again.</summary>
    private Exception? _fault;

    public MySqlThread(string name, MySqlSettings settings)
    {
        _settings = settings;
        new Thread(Work) { IsBackground = true, Name = $"mysql {name}" }.Start();
    }

    /// <summary>Completes once the connection is closed, and with it the session's locks are free.</summary>
    public Task Closed => _closed.Task;

    /// <exception cref="SourceUnavailableException">The server went away or can't be reached.</exception>
    /// <exception cref="MySqlException">The server refused for a reason that retrying does not mend.</exception>
    public Task<T> RunAsync<T>(Func<MySqlConnection, T> work, CancellationToken cancel)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _jobs.Add(() => Do(work, done), cancel);
        return done.Task.WaitAsync(cancel);
    }

    /// <summary>Has the thread close the connection and end after the call that is running, however long that takes: nobody waits for it.</summary>
    public void Dispose() => _jobs.CompleteAdding();

    private void Work()
    {
        while (!_jobs.IsCompleted)
        {
            if (_jobs.TryTake(out var job, PingAfter)) job();
            // The server closes a connection that it does not hear of. Where it has, whoever asks next is told so.
            else if (_connection is not null && _fault is null) Do(Ping, new TaskCompletionSource<object?>());
        }
        try
        {
            _connection?.Dispose();
        }
        catch (Exception fault) when (MySqlFaults.IsTransient(fault))
        {
            // The server is gone, and with it everything that closing would have released.
        }
        _jobs.Dispose();
        _closed.SetResult();
    }

    private void Do<T>(Func<MySqlConnection, T> work, TaskCompletionSource<T> done)
    {
        try
        {
            if (_fault is not null) throw new SourceUnavailableException($"the connection to MySQL broke: {_fault.Message}", _fault);
            done.SetResult(work(_connection ??= _settings.Open()));
        }
        catch (Exception fault)
        {
            _fault ??= fault;
            done.SetException(MySqlFaults.IsTransient(fault) ? new SourceUnavailableException($"MySQL: {fault.Message}", fault) : fault);
        }
    }

    private static object? Ping(MySqlConnection connection)
    {
        using var command = new MySqlCommand("select 1", connection);
        return command.ExecuteScalar();
    }
}

/// <summary>Which faults of MySQL pass by themselves.</summary>
internal static class MySqlFaults
{
    /// <summary>ER_SPECIFIC_ACCESS_DENIED_ERROR: a privilege such as PROCESS is missing.</summary>
    public const int PrivilegeMissing = 1227;

    /// <summary>ER_UNKNOWN_SYSTEM_VARIABLE</summary>
    public const int UnknownVariable = 1193;

    public static bool IsTransient(Exception fault) => fault switch
    {
        SourceUnavailableException or SocketException or IOException or TimeoutException => true,
        // The driver's own complaint about a connection that the server has closed.
        InvalidOperationException closed when closed.Message.Contains("onnection", StringComparison.Ordinal) => true,
        MySqlException refused => IsTransient(refused),
        _ => false,
    };

    private static bool IsTransient(MySqlException fault)
    {
        // The reason that the server gave for refusing a connection is the inner exception.
        if (fault.InnerException is MySqlException reason) return IsTransient(reason);
        return fault.Number switch
        {
            // Server errors of 1 to 1999 that pass: too many connections, shutting down, host blocked or unreachable, network,
            // lock wait, deadlock, resource limit, interrupted, killed. The others are SQL, names and privileges.
            1040 or 1042 or 1053 or (>= 1077 and <= 1080) or 1129 or (>= 1152 and <= 1161) or 1184 or 1203 or 1205 or 1213 or 1226 or 1317 or 1927 => true,
            > 0 and < 2_000 => false,
            _ => true,
        };
    }
}
