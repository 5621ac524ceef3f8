using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StreamSettlement.ConformanceTests.Clients;

/// <summary>A client in another language: one process that is asked and answers in lines of JSON.</summary>
internal sealed class ScriptClient : IKafkaAdmin, IAsyncDisposable
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonElement>> _asked = new();
    private readonly Lock _writing = new();
    private readonly Process _process;
    private readonly Task _reading;
    private readonly Task<string> _errors;
    private int _lastId;

    /// <param name="start">A program that reads requests from its input until it ends.</param>
    public ScriptClient(ProcessStartInfo start)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        _process = Process.Start(start)!;
        _errors = _process.StandardError.ReadToEndAsync();
        _reading = ReadAsync();
    }

    public Task Produce(string topic, IReadOnlyList<NewRecord> records, string compression, bool idempotent) =>
        Ask<object?>("produce", new { topic, records, compression, idempotent });

    public Task<List<ReadRecord>> Read(string topic, int partition) => Ask<List<ReadRecord>>("read", new { topic, partition });

    public Task<List<ReadRecord>> ReadInGroup(string topic, string group, int count) =>
        Ask<List<ReadRecord>>("readInGroup", new { topic, group, count });

    public Task<OffsetRange> Offsets(string topic, int partition) => Ask<OffsetRange>("offsets", new { topic, partition });

    public Task<long> OffsetAt(string topic, int partition, long timestamp) => Ask<long>("offsetAt", new { topic, partition, timestamp });

    public Task<int> Partitions(string topic) => Ask<int>("partitions", new { topic });

    public Task<ClusterDescription> Cluster() => Ask<ClusterDescription>("cluster", new { });

    public Task<Sharing> Share(string topic, string group, int partitions) => Ask<Sharing>("share", new { topic, group, partitions });

    public Task CreateTopic(string topic, int partitions, short replicas, IReadOnlyDictionary<string, string>? settings) =>
        Ask<object?>("createTopic", new { topic, partitions, replicas, settings = settings ?? new Dictionary<string, string>() });

    public Task DeleteTopic(string topic) => Ask<object?>("deleteTopic", new { topic });

    public Task CreatePartitions(string topic, int total) => Ask<object?>("createPartitions", new { topic, total });

    public Task<Dictionary<string, string>> Settings(string topic) => Ask<Dictionary<string, string>>("settings", new { topic });

    public Task AlterSettings(string topic, IReadOnlyDictionary<string, string> settings) => Ask<object?>("alterSettings", new { topic, settings });

    public Task DeleteRecords(string topic, int partition, long before) => Ask<object?>("deleteRecords", new { topic, partition, before });

    public Task<long> Committed(string group, string topic, int partition) => Ask<long>("committed", new { group, topic, partition });

    public Task<string[]> Groups() => Ask<string[]>("groups", new { });

    public Task DeleteGroup(string group) => Ask<object?>("deleteGroup", new { group });

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        await _reading;
        _process.Dispose();
    }

    private async Task<T> Ask<T>(string command, object arguments)
    {
        var id = Interlocked.Increment(ref _lastId);
        var request = JsonSerializer.SerializeToNode(arguments, Json)!.AsObject();
        (request["id"], request["command"]) = (id, JsonValue.Create(command));
        var answer = _asked[id] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        // A process that has ended answers nothing any more.
        if (_reading.IsCompleted) throw await Ended(command);
        lock (_writing)
        {
            _process.StandardInput.WriteLine(request.ToJsonString());
            _process.StandardInput.Flush();
        }
        var reply = await answer.Task.WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
        if (reply.ValueKind == JsonValueKind.Undefined) throw await Ended(command);
        if (reply.TryGetProperty("error", out var code)) throw new RefusedException(code.GetInt32(), $"{command}: {reply.GetProperty("message")}");
        return reply.GetProperty("result").Deserialize<T>(Json)!;
    }

    private async Task<InvalidOperationException> Ended(string command) =>
        new($"{_process.StartInfo.FileName} ended before it answered '{command}': {await _errors}");

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            using var reply = JsonDocument.Parse(line);
            if (_asked.TryRemove(reply.RootElement.GetProperty("id").GetInt32(), out var answer)) answer.SetResult(reply.RootElement.Clone());
        }
        foreach (var answer in _asked.Values) answer.TrySetResult(default);
    }
}
