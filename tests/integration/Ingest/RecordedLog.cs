using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using StreamSettlement.IntegrationTests.Aggregator;

namespace StreamSettlement.IntegrationTests.Ingest;

/// <summary>What a service said.</summary>
internal sealed class RecordedLog<T> : ILogger<T>
{
    private readonly ConcurrentQueue<(int Id, string Text)> _said = new();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _said.Enqueue((eventId.Id, formatter(state, exception)));

    public int Times(int id) => _said.Count(message => message.Id == id);

    /// <summary>Waits until a message of this id was said.</summary>
    public async Task<string> SaidAsync(int id)
    {
        await LogUnderTest.UntilAsync(() => Task.FromResult(_said.Any(message => message.Id == id)), () => Task.FromResult($"{id} was not said: {string.Join(", ", _said)}"));
        return _said.First(message => message.Id == id).Text;
    }
}
