using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace StreamSettlement.ConformanceTests.Clients;

/// <summary>kcat, a process for each request. All records of one call have the same headers, and the time of producing.</summary>
internal sealed class KcatClient(string bootstrap) : IKafkaClient
{
    public async Task Produce(string topic, IReadOnlyList<NewRecord> records, string compression = "none", bool idempotent = false)
    {
        foreach (var batch in records.GroupBy(record => record.Partition))
        {
            var partition = batch.Key is { } chosen ? $"-p {chosen}" : "-X partitioner=murmur2_random";
            var headers = string.Concat(batch.First().Headers.Select(header => $" -H {header.Key}={header.Value}"));
            // -Z: an empty key or value is none.
            var lines = string.Concat(batch.Select(record => $"{record.Key}|{record.Value}\n"));
            var (code, _, errors) = await Run($"-P -t {topic} {partition} -K | -Z -z {compression} -X enable.idempotence={(idempotent ? "true" : "false")}{headers}", lines);
            if (code == 0) continue;
            throw errors.Contains("Message size too large", StringComparison.Ordinal) ? new RefusedException(10, errors) : new InvalidOperationException(errors);
        }
    }

    public async Task<List<ReadRecord>> Read(string topic, int partition) =>
        Records(await Succeed($"-C -t {topic} -p {partition} -o beginning -e -q -J"));

    public async Task<List<ReadRecord>> ReadInGroup(string topic, string group, int count) =>
        Records(await Succeed($"-G {group} -c {count} -q -J -X auto.offset.reset=earliest -X session.timeout.ms=6000 {topic}"));

    public async Task<OffsetRange> Offsets(string topic, int partition) =>
        new(await OffsetAt(topic, partition, -2), await OffsetAt(topic, partition, -1));

    public async Task<long> OffsetAt(string topic, int partition, long timestamp)
    {
        var told = await Succeed($"-Q -t {topic}:{partition}:{timestamp}");
        var offset = long.Parse(told.Split(' ')[^1], CultureInfo.InvariantCulture);
        // Past the last record: the end, by its name.
        return offset == -1 ? await OffsetAt(topic, partition, -1) : offset;
    }

    public async Task<int> Partitions(string topic) =>
        JsonNode.Parse(await Succeed($"-L -J -t {topic}"))!["topics"]![0]!["partitions"]!.AsArray().Count;

    public async Task<ClusterDescription> Cluster()
    {
        var told = JsonNode.Parse(await Succeed("-L -J"))!;
        return new ClusterDescription([.. told["brokers"]!.AsArray().Select(each => (string)each!["name"]!)], (int)told["controllerid"]!, "");
    }

    /// <summary>Begins to read in a group as a static member; what it says about the group goes to its standard error.</summary>
    public Process StartMember(string topic, string group, string instance) =>
        Start($"-G {group} -X group.instance.id={instance} -X session.timeout.ms=6000 -X heartbeat.interval.ms=300 -X auto.offset.reset=earliest {topic}");

    private static List<ReadRecord> Records(string lines) => [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line =>
    {
        var record = JsonNode.Parse(line)!;
        var headers = (record["headers"]?.AsArray() ?? []).Select(each => (string)each!).Chunk(2).ToDictionary(pair => pair[0], pair => pair[1]);
        return new ReadRecord(
            (int)record["partition"]!, (long)record["offset"]!, (long)record["ts"]!, (string?)record["key"], (string?)record["payload"], headers);
    })];

    private async Task<string> Succeed(string arguments)
    {
        var (code, output, errors) = await Run(arguments, "");
        return code == 0 ? output : throw new InvalidOperationException($"kcat {arguments}: {errors}");
    }

    private async Task<(int Code, string Output, string Errors)> Run(string arguments, string input)
    {
        using var process = Start(arguments);
        var token = TestContext.Current.CancellationToken;
        var output = process.StandardOutput.ReadToEndAsync(token);
        var errors = process.StandardError.ReadToEndAsync(token);
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        await process.WaitForExitAsync(token);
        return (process.ExitCode, await output, await errors);
    }

    private Process Start(string arguments) => Process.Start(new ProcessStartInfo("kcat", $"-b {bootstrap} {arguments}")
    {
        RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        StandardInputEncoding = new UTF8Encoding(false),
    })!;
}
