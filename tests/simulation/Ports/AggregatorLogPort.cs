using StreamSettlement.Aggregator.Core;
using StreamSettlement.Aggregator.Source;
using StreamSettlement.Contracts;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests.Ports;

/// <summary>The log as an aggregator reads it: one queue of events, filled ahead of the loop, in the manner of the Kafka client.</summary>
internal sealed class AggregatorLogPort : ILog
{
    private const int EventsAhead = 3;

    [ThreadStatic]
    private static Stack<LogBatch>? _batches;

    private readonly SimulatedProcess _process;
    private readonly Scheduler _scheduler;
    private readonly Dice _dice;
    private readonly Network _network;
    private readonly SimulatedServer _broker;
    private readonly LogTopics _topics;
    private readonly ConsumerGroup _group;
    private readonly Mechanism _without;
    private readonly Queue<LogEvent> _events = new();
    private readonly SortedDictionary<LogPartition, long> _positions = [];
    private readonly Queue<Action> _callbacks = new();
    private readonly HashSet<LogPartition> _revoking = [];
    private TaskCompletionSource<LogEvent?>? _waiting;
    private Action? _answered;
    private IReadOnlyDictionary<LogPartition, long>? _start;
    private bool _isFetching;
    private bool _isLeaving;

    public AggregatorLogPort(
        SimulatedProcess process, Scheduler scheduler, Dice dice, Network network, SimulatedServer broker, LogTopics topics, ConsumerGroup group, Mechanism without)
    {
        (_process, _scheduler, _dice, _network, _broker, _topics, _group, _without) = (process, scheduler, dice, network, broker, topics, group, without);
        process.OnDeath(() => group.Expire(this));
    }

    public SimulatedProcess Process => _process;

    public Task<IReadOnlyDictionary<SourceStream, int>> PrepareAsync(CancellationToken cancel) =>
        Task.FromResult<IReadOnlyDictionary<SourceStream, int>>(SourceStreams.All.ToDictionary(stream => stream, _ => LogTopics.Partitions));

    public Task JoinAsync(CancellationToken cancel)
    {
        _group.Join(this);
        return Task.CompletedTask;
    }

    public ValueTask<LogEvent?> NextAsync(TimeSpan wait, CancellationToken cancel)
    {
        if (_events.Count == 0 && wait == TimeSpan.Zero) return default;
        var waiting = _waiting = new TaskCompletionSource<LogEvent?>();
        if (_events.Count > 0) Deliver(waiting);
        else if (wait != Timeout.InfiniteTimeSpan) _scheduler.After((long)wait.TotalMicroseconds + 1, () => _process.Run(() => Complete(waiting, null)));
        return new ValueTask<LogEvent?>(waiting.Task);
    }

    public void Start(IReadOnlyDictionary<LogPartition, long> offsets)
    {
        _start = offsets;
        Answer();
    }

    public void Release() => Answer();

    public void Return(LogBatch batch)
    {
        batch.Clear();
        (_batches ??= new()).Push(batch);
    }

    public void Store(IEnumerable<KeyValuePair<LogPartition, long>> nextOffsets)
    {
        foreach (var (at, next) in nextOffsets.ToList())
            _scheduler.After(_dice.Between(0, Span.Second), () => _process.Run(() => _group.Commit(this, at, next)));
    }

    public void Rejoin()
    {
        if (_isLeaving) return;
        _isLeaving = true;
        _callbacks.Clear();
        Call(() => Take(lost: false, () =>
        {
            _group.Leave(this);
            JoinAgain();
        }));
    }

    public Task DeadLetterAsync(IReadOnlyList<DeadLetter> letters, CancellationToken cancel)
    {
        if (_without != Mechanism.DeadLetterBeforeCommit) return _network.CallAsync(_process, _broker, "writes dead letters", () => _topics.DeadLetters.AddRange(letters));
        _scheduler.After(_dice.Between(0, Span.Second), () => _process.Run(() => _topics.DeadLetters.AddRange(letters)));
        return Task.CompletedTask;
    }

    public Task ResendAsync(StoredLetter letter, CancellationToken cancel) =>
        _network.CallAsync(_process, _broker, "sends a record again", () => _topics.Append(letter.At, new LogRecord(letter.Key, letter.Value)));

    public Task SendAsync(ControlCommand command, CancellationToken cancel) =>
        _network.CallAsync(_process, _broker, "sends a command", () => _topics.AddCommand(command));

    public Task AnnounceAsync(ControlEvent happened, CancellationToken cancel) => Task.CompletedTask;

    public Task CloseAsync() => Task.CompletedTask;

    /// <summary>The coordinator gives partitions to this member.</summary>
    public void Assign(IReadOnlyList<LogPartition> partitions)
    {
        if (_isLeaving) return;
        Call(() =>
        {
            Ask(new Assigned([.. partitions.Select(at => new AssignedPartition(at, _group.Committed.TryGetValue(at, out var next) ? next : null, 0, _topics.Records(at).Count))]), () =>
            {
                foreach (var at in partitions)
                {
                    _positions[at] = _start![at];
                    // Whoever is assigned a partition first leaves an offset behind, before anything is counted.
                    if (!_group.Committed.ContainsKey(at)) _group.Commit(this, at, _start[at]);
                }
            });
        });
    }

    /// <summary>The coordinator wants partitions back.</summary>
    public void Revoke(IReadOnlyList<LogPartition> partitions)
    {
        if (_isLeaving || partitions.All(_revoking.Contains)) return;
        _revoking.UnionWith(partitions);
        Call(() => Ask(new Revoked(partitions, false), () =>
        {
            foreach (var at in partitions) _positions.Remove(at);
            _revoking.ExceptWith(partitions);
            _group.Released(this, partitions);
        }));
    }

    /// <summary>The coordinator gave this member up; it hears of it later, and goes on until then.</summary>
    public void Kick()
    {
        _scheduler.Note($"{_process.Name} is given up by the group");
        _group.Leave(this);
        _scheduler.After(_dice.Between(100 * Span.Millisecond, 8 * Span.Second), () => _process.Run(() =>
        {
            if (_isLeaving || _group.Members.Contains(this)) return;
            _isLeaving = true;
            _callbacks.Clear();
            Call(() => Take(lost: true, JoinAgain));
        }));
    }

    /// <summary>There is more to read.</summary>
    public void Fetch()
    {
        if (_isFetching || _answered is not null || _events.Count >= EventsAhead || !_process.IsAlive || !HasMore()) return;
        _isFetching = true;
        _scheduler.At(Math.Max(_scheduler.Now, _broker.DownUntil) + _network.Way(), () => _process.Run(() =>
        {
            _isFetching = false;
            if (_answered is null && HasMore()) Raise(new Fetched(Fill()));
            Fetch();
        }));
    }

    private bool HasMore()
    {
        foreach (var (at, next) in _positions)
            if (next < _topics.Records(at).Count) return true;
        return false;
    }

    /// <summary>Records of the partitions in any order between them, and in theirs within each.</summary>
    private LogBatch Fill()
    {
        var batch = _batches is { Count: > 0 } pooled ? pooled.Pop() : new LogBatch();
        var most = _dice.Between(1, 12);
        while (batch.Count < most)
        {
            var readable = _positions.Where(position => position.Value < _topics.Records(position.Key).Count).Select(position => position.Key).ToList();
            if (readable.Count == 0) break;
            var at = _dice.Of(readable);
            for (var run = _dice.Between(1, 4); run > 0 && batch.Count < most && _positions[at] < _topics.Records(at).Count; run--)
            {
                var offset = _positions[at]++;
                var record = _topics.Records(at)[(int)offset];
                batch.Add(at, offset, record.Key is { } key ? batch.Copy(key) : Slice.None, record.Value is { } value ? batch.Copy(value) : Slice.None);
            }
        }
        return batch;
    }

    /// <summary>Everything is taken from the member.</summary>
    private void Take(bool lost, Action then)
    {
        var all = _positions.Keys.ToList();
        if (all.Count == 0)
        {
            then();
            return;
        }
        Ask(new Revoked(all, lost), () =>
        {
            _positions.Clear();
            then();
        });
    }

    private void JoinAgain() => _scheduler.After(Span.Second / 2, () => _process.Run(() =>
    {
        _isLeaving = false;
        _revoking.Clear();
        _group.Join(this);
    }));

    /// <summary>The client's thread does one thing after the other, and waits for the loop's answer to each.</summary>
    private void Call(Action callback) => _process.Run(() =>
    {
        if (_answered is null) callback();
        else _callbacks.Enqueue(callback);
    });

    private void Ask(LogEvent question, Action answered)
    {
        _answered = answered;
        Raise(question);
    }

    private void Answer()
    {
        if (_answered is not { } answered) return;
        _answered = null;
        answered();
        while (_answered is null && _callbacks.TryDequeue(out var next)) next();
        Fetch();
    }

    private void Raise(LogEvent happened)
    {
        _events.Enqueue(happened);
        if (_waiting is { } waiting) Deliver(waiting);
    }

    private void Deliver(TaskCompletionSource<LogEvent?> waiting) => _scheduler.After(_dice.Between(0, 300), () => _process.Run(() =>
    {
        if (_waiting == waiting && _events.TryDequeue(out var happened)) Complete(waiting, happened);
    }));

    private void Complete(TaskCompletionSource<LogEvent?> waiting, LogEvent? happened)
    {
        if (_waiting != waiting) return;
        _waiting = null;
        if (_scheduler.IsTraced) _scheduler.Note($"{_process.Name}: hears {Describe(happened)}");
        waiting.SetResult(happened);
        Fetch();
    }

    private static string Describe(LogEvent? happened) => happened switch
    {
        Fetched fetched => $"{fetched.Batch.Count} records",
        Assigned assigned => $"assigned {string.Join(", ", assigned.Partitions.Select(partition => partition.At))}",
        Revoked revoked => $"{(revoked.Lost ? "lost" : "revoked")} {string.Join(", ", revoked.Partitions)}",
        _ => "nothing",
    };
}
