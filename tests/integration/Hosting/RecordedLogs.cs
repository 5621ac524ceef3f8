using Microsoft.Extensions.Logging;

namespace StreamSettlement.IntegrationTests.Hosting;

/// <summary>Keeps the messages of our own catalogue, by id, in the order in which they were written.</summary>
internal sealed class RecordedLogs : ILoggerProvider, ILogger
{
    private readonly Lock _lock = new();
    private readonly List<(int Id, string Line)> _lines = [];

    public List<int> Ids => Copy(line => line.Id);

    public List<string> Lines => Copy(line => line.Line);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (eventId.Id is < 100 or > 999) return;
        lock (_lock) _lines.Add((eventId.Id, formatter(state, exception)));
    }

    public void Dispose()
    {
        // Nothing to close.
    }

    private List<T> Copy<T>(Func<(int Id, string Line), T> part)
    {
        lock (_lock) return _lines.ConvertAll(line => part(line));
    }
}
