using StreamSettlement.Cli.Api;
using StreamSettlement.Cli.Display;
using StreamSettlement.DevStack;
using StreamSettlement.DevStack.Generator;
using StreamSettlement.DevStack.Processes;
using StreamSettlement.DevStack.Servers;

namespace StreamSettlement.Cli.Demo;

/// <summary>Source filled, services started, day ended, awaited until it is posted or refused, everything measured and compared.</summary>
internal sealed class PipelineRun(LocalStack stack, PipelineSettings settings, Terminal terminal, TimeProvider time)
{
    // Looking costs the services' two cores something: seldom while rows flow, often when it is about the moment of Posted.
    private static readonly TimeSpan PollWhileStreaming = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan PollWhenSealed = TimeSpan.FromMilliseconds(50);

    private readonly GeneratorSettings rows = settings.Rows;
    private readonly long rowsTotal = (long)settings.Rows.Logs + settings.Rows.Ads;

    /// <exception cref="DevStackException">A process ended, or nothing moved for too long.</exception>
    public async Task<PipelineReport> RunAsync(CancellationToken token)
    {
        var generate = await FillAsync(token);
        var (started, before) = (time.GetUtcNow(), Cpu());
        await stack.StartServicesAsync(terminal.Line, token);
        using var api = new SettlementApi(stack.Settlement!.Address);
        await api.EndDayAsync(rows.Day, token);
        var timeline = await StreamAsync(api, started, token);
        // What the services took belongs to the run: read before anything else is asked of them.
        var use = new ResourceUse(Measure(ServicesAndBroker(), process => ProcessUse.PeakMegabytes(process.Id)), Since(before, Cpu()));
        var state = await api.DayAsync(rows.Day, token) ?? DayState.Unknown;
        return await new Reconciliation(stack, rows, time).ReportAsync(timeline.Seconds(generate), use, state, token);
    }

    private async Task<double> FillAsync(CancellationToken token)
    {
        var start = time.GetTimestamp();
        await StageDisplay.RunAsync(terminal, time, async display => await new SourceFiller(stack.Source, rows).FillAsync(display.Stage("generate", rowsTotal), token));
        return time.GetElapsedTime(start).TotalSeconds;
    }

    private async Task<Timeline> StreamAsync(SettlementApi api, DateTimeOffset started, CancellationToken token)
    {
        var timeline = new Timeline(started);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(token);
        var failure = stack.FailureAsync(ended.Token);
        await StageDisplay.RunAsync(terminal, time, async display =>
        {
            var work = WatchAsync(api, display, timeline, ended.Token);
            if (await Task.WhenAny(work, failure) == failure)
            {
                var description = await failure;
                await ended.CancelAsync();
                throw new DevStackException(description);
            }
            await work;
        });
        await ended.CancelAsync();
        return timeline;
    }

    private async Task WatchAsync(SettlementApi api, StageDisplay display, Timeline timeline, CancellationToken token)
    {
        using var probe = new PipelineProbe(stack, rows.Day);
        var (ingest, aggregate) = (display.Stage("ingest", rowsTotal), display.Stage("aggregate", rowsTotal));
        PipelinePosition? before = null;
        for (var moved = time.GetTimestamp(); ; await Task.Delay(before is { IsSealed: true } ? PollWhenSealed : PollWhileStreaming, time, token))
        {
            var now = await probe.LookAsync(before, token);
            ingest.Report(now.Published);
            // Markers are records too: the bar is full when the day is sealed, not before.
            aggregate.Report(now.IsSealed ? rowsTotal : Math.Min(now.Consumed, rowsTotal - 1));
            timeline.Saw(now, rowsTotal, time.GetUtcNow());
            if (now.Status is "Posted" or "OutOfBalance") return;
            if (now != before) (moved, before) = (time.GetTimestamp(), now);
            // A refusal that only a person can mend shows at the API, not in the tables' numbers.
            else if (time.GetElapsedTime(moved) > TimeSpan.FromSeconds(2) && await api.DayAsync(rows.Day, token) is { MayChange: false, IsPosted: false }) return;
            if (time.GetElapsedTime(moved) > settings.Patience)
                throw new DevStackException($"Nothing has moved for {settings.Patience.TotalSeconds:0} s: {now.Published:N0} of {rowsTotal:N0} rows in Kafka, {now.Consumed:N0} records consumed, {now.Seals} of {now.SealsTotal} partitions sealed, day {now.Status}. Logs: {stack.State.LogDirectory}");
        }
    }

    private IEnumerable<ChildProcess> ServicesAndBroker() =>
        [stack.Ingest!.Process, stack.Aggregator!.Process, stack.Settlement!.Process, .. stack.Kafka is { } kafka ? (ChildProcess[])[kafka.Process] : []];

    private Dictionary<string, double> Cpu() => Measure(stack.Processes(), process => ProcessUse.CpuSeconds(process.Id));

    private static Dictionary<string, double> Measure(IEnumerable<ChildProcess> processes, Func<ChildProcess, double?> measure) => processes
        .Select(process => (process.Name, Value: measure(process)))
        .Where(process => process.Value is not null)
        .ToDictionary(process => process.Name, process => process.Value!.Value);

    // A process that has been started since began at nothing.
    private static Dictionary<string, double> Since(Dictionary<string, double> before, Dictionary<string, double> now) =>
        now.ToDictionary(process => process.Key, process => Math.Round(process.Value - before.GetValueOrDefault(process.Key), 2));

    /// <summary>When what was first seen.</summary>
    private sealed class Timeline(DateTimeOffset started)
    {
        private DateTimeOffset? firstRead;
        private DateTimeOffset? published;
        private DateTimeOffset? sealedAt;
        private DateTimeOffset? posted;

        public void Saw(PipelinePosition now, long rowsTotal, DateTimeOffset at)
        {
            firstRead ??= now.FirstRead;
            if (now.Published >= rowsTotal) published ??= at;
            if (now.IsSealed || now.Status is not "Open") sealedAt ??= at;
            if (now.Status == "Posted") posted ??= at;
        }

        /// <returns>0 for a stage that was not reached.</returns>
        public StageSeconds Seconds(double generate)
        {
            var begin = firstRead ?? started;
            return new StageSeconds(Round(generate), Since(begin, published), Since(begin, sealedAt), sealedAt is null ? 0 : Since(sealedAt.Value, posted), Since(begin, posted));
        }

        private static double Since(DateTimeOffset from, DateTimeOffset? to) => to is null ? 0 : Round(Math.Max(0, (to.Value - from).TotalSeconds));

        private static double Round(double seconds) => Math.Round(seconds, 3);
    }
}
