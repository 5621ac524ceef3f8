using System.Collections.Concurrent;
using System.Net.Sockets;
using MySql.Data.MySqlClient;

namespace StreamSettlement.Ingest.Source;

/// <summary>
/// One connection and the thread that uses it: MySql.Data 8.0.16 has no asynchronous calls worth the name, so what blocks does it
/// here, behind the port.
/// </summary>
internal sealed class MySqlThread : IAsyncDisposable
{
    private readonly BlockingCollection<Action> _jobs = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly MySqlSettings _settings;
    private MySqlConnection? _connection;

    public MySqlThread(string name, MySqlSettings settings)
    {
        _settings = settings;
        new Thread(Work) { IsBackground = true, Name = $"mysql {name}" }.Start();
    }

    /// <summary>Whether a call has failed: the connection's state is unknown, it is not used again.</summary>
    public bool IsBroken { get; private set; }

    /// <exception cref="SourceUnavailableException">The server went away or can't be reached.</exception>
    /// <exception cref="MySqlException">The server refused for a reason that retrying does not mend.</exception>
    public Task<T> RunAsync<T>(Func<MySqlConnection, T> work, CancellationToken cancel)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _jobs.Add(() =>
        {
            try
            {
                if (IsBroken) throw new SourceUnavailableException("the connection to MySQL broke");
                done.SetResult(work(_connection ??= _settings.Open()));
            }
            catch (Exception fault)
            {
                IsBroken = true;
                done.SetException(MySqlFaults.IsTransient(fault) ? new SourceUnavailableException($"MySQL: {fault.Message}", fault) : fault);
            }
        }, cancel);
        return done.Task.WaitAsync(cancel);
    }

    /// <summary>Ends the thread and closes the connection, with it the session's locks, after the call that is running.</summary>
    public async ValueTask DisposeAsync()
    {
        _jobs.CompleteAdding();
        await _ended.Task;
    }

    private void Work()
    {
        foreach (var job in _jobs.GetConsumingEnumerable()) job();
        try
        {
            _connection?.Dispose();
        }
        catch (Exception fault) when (MySqlFaults.IsTransient(fault))
        {
            // The server is gone, and with it everything that closing would have released.
        }
        _jobs.Dispose();
        _ended.SetResult();
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
