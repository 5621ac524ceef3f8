using MySqlConnector;

namespace StreamSettlement.Ingest.Source;

/// <summary>One connection for one call at a time. While nobody asks for anything it says that it is still there.</summary>
internal sealed class SourceConnection : IAsyncDisposable
{
    /// <summary>Two of these fit <see cref="LookQueries.SilenceSecondsMax"/>, and four seconds more for a process that has to wait for a processor.</summary>
    private static readonly TimeSpan PingEvery = TimeSpan.FromSeconds(3);

    /// <summary>A call that is cancelled ends at once where the server answers.</summary>
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _closing = new();
    private readonly MySqlSettings _settings;
    private readonly TimeProvider _time;
    private readonly Task _pinging;
    private MySqlConnection? _connection;

    /// <summary>Of the call that failed: the connection's state is unknown then, it is not used again.</summary>
    private Exception? _fault;

    public SourceConnection(MySqlSettings settings, TimeProvider time)
    {
        (_settings, _time) = (settings, time);
        _pinging = PingAsync();
    }

    /// <param name="cancel">Ends the wait at once; the server is told to end the statement.</param>
    /// <exception cref="SourceUnavailableException">The server went away or can't be reached, or this connection was closed.</exception>
    /// <exception cref="SourceRefusedException">A row can't be read.</exception>
    /// <exception cref="MySqlException">The server refused for a reason that retrying does not mend.</exception>
    public async Task<T> RunAsync<T>(Func<MySqlConnection, CancellationToken, Task<T>> work, CancellationToken cancel)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, _closing.Token);
        try
        {
            return await StoppableAsync(work, cancel).WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new SourceUnavailableException("the connection to MySQL was closed");
        }
    }

    /// <summary>Ends the call that is running, if any, and closes the connection; with it the session's locks are free.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _pinging;
        var closing = CloseAsync();
        // A server that does not answer is not waited for: its call ends by its own timeout, and the server ends a session that is silent.
        await Task.WhenAny(closing, Task.Delay(CloseTimeout, _time));
        if (closing.IsCompleted) await closing;
    }

    /// <summary>Cancels on another thread: the driver opens a connection to have the statement killed, for which whoever cancels must not wait.</summary>
    private async Task<T> StoppableAsync<T>(Func<MySqlConnection, CancellationToken, Task<T>> work, CancellationToken cancel)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
        var ending = Task.CompletedTask;
        var onCancel = cancel.UnsafeRegister(_ => ending = ended.CancelAsync(), null);
        try
        {
            return await InTurnAsync(work, ended.Token);
        }
        finally
        {
            await onCancel.DisposeAsync();
            await ending;
        }
    }

    private async Task<T> InTurnAsync<T>(Func<MySqlConnection, CancellationToken, Task<T>> work, CancellationToken cancel)
    {
        await _turn.WaitAsync(cancel);
        try
        {
            if (_fault is not null) throw new SourceUnavailableException($"the connection to MySQL broke: {_fault.Message}", _fault);
            return await work(_connection ??= await _settings.OpenAsync(cancel), cancel);
        }
        catch (Exception fault)
        {
            // A row that can't be read leaves the connection as it was.
            if (fault is not SourceRefusedException) _fault ??= fault;
            if (fault is SourceUnavailableException || !MySqlFaults.IsTransient(fault)) throw;
            throw new SourceUnavailableException($"MySQL: {fault.Message}", fault);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task CloseAsync()
    {
        await _turn.WaitAsync();
        if (_connection is not null) await _connection.DisposeAsync();
    }

    /// <summary>The server closes a connection that it does not hear of. Where it has, whoever asks next is told so.</summary>
    private async Task PingAsync()
    {
        using var timer = new PeriodicTimer(PingEvery, _time);
        try
        {
            while (_fault is null && await timer.WaitForNextTickAsync(_closing.Token))
            {
                // What is in use is heard; what nobody has used yet is not open.
                if (_turn.CurrentCount == 0 || _connection is null) continue;
                await RunAsync(static async (connection, cancel) =>
                {
                    await using var command = new MySqlCommand("select 1", connection);
                    return await command.ExecuteScalarAsync(cancel);
                }, _closing.Token);
            }
        }
        catch (Exception ended) when (ended is OperationCanceledException || MySqlFaults.IsTransient(ended))
        {
            // Disposed; or kept as the fault that the next call reports.
        }
    }
}
