using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using StreamSettlement.Aggregator;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Aggregator.Sink;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;
using StreamSettlement.IntegrationTests.Aggregator;

namespace StreamSettlement.IntegrationTests.Faults;

/// <summary>Ends a loop at an exact point, as kill -9 would: nothing after that point happens.</summary>
internal sealed class KilledException() : Exception("killed by the test");

/// <summary>
/// The aggregator's loop with its real adapters in this process, over the servers of a <see cref="LogUnderTest"/>. What is set on
/// <see cref="Points"/> happens at exactly that point of every chunk.
/// </summary>
internal sealed class AggregatorRun : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ControlProducer _events;
    private readonly DeadLetterTopics _deadLetters;
    private readonly AggregatorTelemetry _telemetry;
    private readonly KafkaLog _log;
    private readonly NpgsqlDataSource _postgres;
    private readonly Task _running;
    private Exception? _expected;

    private AggregatorRun(AggregatorOptions options, Points points, TimeProvider time)
    {
        Points = points;
        var outages = new Outages(Readiness, time, NullLogger<Outages>.Instance);
        _events = new ControlProducer(options.KafkaBootstrap, options.Topics, "aggregator", time);
        _deadLetters = new DeadLetterTopics(options, time);
        _telemetry = new AggregatorTelemetry(time, NullLogger<AggregatorTelemetry>.Instance);
        _log = new KafkaLog(options, _events, _deadLetters, _telemetry, outages, Readiness, time);
        // Pooled whatever the test itself does: connections that broke while nobody used them are part of every outage.
        _postgres = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(options.Postgres) { Pooling = true }.ConnectionString);
        var store = new FaultyStore(new RollupStore(_postgres, "test", time), points);
        _running = new AggregatorLoop(new FaultyLog(_log, points), store, options, _telemetry, outages, Readiness, time).RunAsync(_stop.Token);
    }

    public Points Points { get; }

    public Readiness Readiness { get; } = new();

    /// <param name="time">The service's clock; null for the machine's.</param>
    public static AggregatorRun Start(LogUnderTest log, Points? points = null, TimeProvider? time = null) => new(
        new AggregatorOptions
        {
            KafkaBootstrap = log.Broker.Bootstrap,
            TopicPrefix = log.TopicPrefix,
            Postgres = log.Postgres.ConnectionString,
            ChunkTime = TimeSpan.FromMilliseconds(20),
        },
        points ?? new Points(), time ?? TimeProvider.System);

    /// <summary>Waits until the loop was killed at its point.</summary>
    public Task DiedAsync() => EndsWithAsync<KilledException>();

    /// <summary>Waits until the loop has ended by itself.</summary>
    public async Task<T> EndsWithAsync<T>()
        where T : Exception
    {
        var fault = await Assert.ThrowsAsync<T>(() => _running.WaitAsync(LogUnderTest.Patience, TimeProvider.System, TestContext.Current.CancellationToken));
        _expected = fault;
        return fault;
    }

    /// <summary>Waits until partitions are ours; fails when the loop ended instead.</summary>
    public async Task OwnsAsync() => await await Task.WhenAny(Points.Owned.WaitAsync(LogUnderTest.Patience, TimeProvider.System, TestContext.Current.CancellationToken), _running);

    /// <summary>Stops in order, as SIGTERM does. A fault of the loop is a fault of the test.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _running;
        }
        catch (Exception fault) when (fault is OperationCanceledException || fault == _expected)
        {
            // As asked.
        }
        _log.Dispose();
        _deadLetters.Dispose();
        _events.Dispose();
        _telemetry.Dispose();
        await _postgres.DisposeAsync();
        _stop.Dispose();
    }
}

/// <summary>What happens at the points of a chunk's way; nothing by default.</summary>
internal sealed class Points
{
    private readonly TaskCompletionSource _owned = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Func<IReadOnlyList<DeadLetter>, Task> BeforeDeadLetters { get; init; } = _ => Task.CompletedTask;

    /// <summary>The transaction has not begun; dead letters are flushed.</summary>
    public Func<Chunk, Task> BeforeCommit { get; init; } = _ => Task.CompletedTask;

    /// <summary>PostgreSQL has committed (or refused), the loop does not know it yet.</summary>
    public Func<Chunk, CommitOutcome, Task> AfterCommit { get; init; } = (_, _) => Task.CompletedTask;

    /// <summary>The loop gives the offsets of a committed chunk to Kafka.</summary>
    public Action BeforeKafkaCommit { get; init; } = () => { };

    public ConcurrentQueue<CommitOutcome> Outcomes { get; } = new();

    /// <summary>Completes with the first partitions.</summary>
    public Task Owned => _owned.Task;

    public void Own() => _owned.TrySetResult();
}

internal sealed class FaultyLog(ILog inner, Points points) : ILog
{
    public Task<IReadOnlyDictionary<SourceStream, int>> PrepareAsync(CancellationToken cancel) => inner.PrepareAsync(cancel);

    public Task JoinAsync(CancellationToken cancel) => inner.JoinAsync(cancel);

    public ValueTask<LogEvent?> NextAsync(TimeSpan wait, CancellationToken cancel) => inner.NextAsync(wait, cancel);

    public void Start(IReadOnlyDictionary<LogPartition, long> offsets)
    {
        inner.Start(offsets);
        points.Own();
    }

    public void Release() => inner.Release();

    public void Return(LogBatch batch) => inner.Return(batch);

    public void Store(IEnumerable<KeyValuePair<LogPartition, long>> nextOffsets)
    {
        points.BeforeKafkaCommit();
        inner.Store(nextOffsets);
    }

    public void Rejoin() => inner.Rejoin();

    public async Task DeadLetterAsync(IReadOnlyList<DeadLetter> letters, CancellationToken cancel)
    {
        await points.BeforeDeadLetters(letters);
        await inner.DeadLetterAsync(letters, cancel);
    }

    public Task ResendAsync(StoredLetter letter, CancellationToken cancel) => inner.ResendAsync(letter, cancel);

    public Task SendAsync(ControlCommand command, CancellationToken cancel) => inner.SendAsync(command, cancel);

    public Task AnnounceAsync(ControlEvent happened, CancellationToken cancel) => inner.AnnounceAsync(happened, cancel);

    public Task CloseAsync() => inner.CloseAsync();
}

internal sealed class FaultyStore(IRollupStore inner, Points points) : IRollupStore
{
    public Task PrepareAsync(CancellationToken cancel) => inner.PrepareAsync(cancel);

    public Task<IReadOnlyDictionary<SourceStream, int>> RememberPartitionsAsync(IReadOnlyDictionary<SourceStream, int> partitions, CancellationToken cancel) =>
        inner.RememberPartitionsAsync(partitions, cancel);

    public Task<Eligibility> RulesAsync(CancellationToken cancel) => inner.RulesAsync(cancel);

    public Task<IReadOnlyList<OwnedPartition>> TakeOverAsync(IReadOnlyList<AssignedPartition> assigned, CancellationToken cancel) =>
        inner.TakeOverAsync(assigned, cancel);

    public Task<IReadOnlyList<KeyValuePair<ClaimKey, byte[]>>> ClaimsAsync(IReadOnlyCollection<ClaimKey> keys, CancellationToken cancel) =>
        inner.ClaimsAsync(keys, cancel);

    public Task<StoredLetter?> FindLetterAsync(long id, CancellationToken cancel) => inner.FindLetterAsync(id, cancel);

    public Task RedriveAsync(long id, string by, string reason, CancellationToken cancel) => inner.RedriveAsync(id, by, reason, cancel);

    public Task<bool> DiscardAsync(long id, LetterRow? owed, string by, string reason, CancellationToken cancel) =>
        inner.DiscardAsync(id, owed, by, reason, cancel);

    public async Task<CommitOutcome> CommitAsync(Chunk chunk, CancellationToken cancel)
    {
        await points.BeforeCommit(chunk);
        var outcome = await inner.CommitAsync(chunk, cancel);
        points.Outcomes.Enqueue(outcome);
        await points.AfterCommit(chunk, outcome);
        return outcome;
    }
}

/// <summary>The machine's clock, but off: what a service sees whose clock is wrong.</summary>
internal sealed class WrongClock(TimeSpan off) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + off;
}
