using StreamSettlement.Cli.Commands;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Generator;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Cli.Demo;

/// <summary>From commit in MySQL to visible in the rollups, while rows stream in.</summary>
internal sealed class LiveBench(Terminal terminal, ServerChoice servers, TimeProvider time)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public async Task<int> RunAsync(GeneratorSettings settings, int rate, TimeSpan duration, CancellationToken token)
    {
        await using var stack = await LocalStates.FreshStackAsync(LocalStates.Bench, new LocalStackSettings { Servers = servers, Environment = PipelineSettings.ServiceEnvironment }, terminal, time, token);
        await stack.StartServicesAsync(terminal.Line, token);
        var latencies = new LiveLatencies();
        var generator = new LiveGenerator(stack.Source, settings, rate, time) { Committed = (logs, ads) => latencies.Committed(time.GetTimestamp(), logs, ads) };
        terminal.Line($"{rate:N0} new rows per second for {duration.TotalSeconds:0} s …");
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(token);
        var streaming = generator.RunAsync(duration, null, token);
        var failure = stack.FailureAsync(ended.Token);
        var watching = WatchAsync(stack, latencies, streaming, token);
        if (await Task.WhenAny(watching, failure) == failure) throw new DevStackException(await failure);
        await watching;
        await ended.CancelAsync();
        return Write(stack, latencies, generator, rate, duration);
    }

    private async Task WatchAsync(LocalStack stack, LiveLatencies latencies, Task streaming, CancellationToken token)
    {
        const string visible = "select coalesce(sum(rows) filter (where stream = 'view-logs'), 0)::bigint, coalesce(sum(rows) filter (where stream = 'ad-views'), 0)::bigint from rollup.partition_day";
        for (var moved = time.GetTimestamp(); ; await Task.Delay(Poll, time, token))
        {
            if (streaming.IsFaulted) await streaming;
            var at = time.GetTimestamp();
            var (views, ads) = (await stack.Rollup.QueryAsync(visible, reader => (reader.GetInt64(0), reader.GetInt64(1)), token)).Single();
            if (latencies.Visible(at, views, ads, time)) moved = at;
            if (streaming.IsCompleted && latencies.Outstanding == 0) return;
            if (streaming.IsCompleted && time.GetElapsedTime(moved) > Patience)
                throw new DevStackException($"{latencies.Outstanding:N0} rows have not become visible within {Patience.TotalSeconds:0} s of the last that did. Logs: {stack.State.LogDirectory}");
        }
    }

    private int Write(LocalStack stack, LiveLatencies latencies, LiveGenerator generator, int rate, TimeSpan duration)
    {
        terminal.Line($"live, {rate:N0} rows/s for {duration.TotalSeconds:0} s: {generator.Begun:N0} rows begun ({generator.Begun / duration.TotalSeconds:N0}/s), {latencies.Rows:N0} of them counted");
        terminal.Line($"  on {string.Join(", ", stack.Servers.Values)}");
        terminal.Line($"  commit to visible: p50 {latencies.Percentile(0.5):0.00} s   p90 {latencies.Percentile(0.9):0.00} s   p99 {latencies.Percentile(0.99):0.00} s   max {latencies.Percentile(1):0.00} s");
        return ExitCodes.Done;
    }
}
