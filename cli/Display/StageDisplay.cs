using System.Collections.Concurrent;
using Spectre.Console;
using StreamSettlement.DevStack.Generator;

namespace StreamSettlement.Cli.Display;

/// <summary>Shows how far stages are: live bars for a person, now and then a line otherwise.</summary>
internal abstract class StageDisplay
{
    /// <summary>Runs <paramref name="work"/> with a display of the kind that <paramref name="terminal"/> can show.</summary>
    public static Task RunAsync(Terminal terminal, TimeProvider time, Func<StageDisplay, Task> work) =>
        terminal.Interactive ? BarDisplay.ShowAsync(terminal, time, work) : work(new LineDisplay(terminal, time));

    /// <param name="total">Rows that the stage will have done in the end.</param>
    public abstract Stage Stage(string name, long total);
}

/// <summary>One stage under way; its rate is the mean since it began.</summary>
internal abstract class Stage(string name, long total, TimeProvider time) : IProgress<FillProgress>
{
    private readonly Lock guard = new();
    private readonly long started = time.GetTimestamp();
    private long? ended;

    public string Name => name;

    public long Total => total;

    public long Done { get; private set; }

    public double RowsPerSecond => Done / Math.Max(0.001, time.GetElapsedTime(started, ended ?? time.GetTimestamp()).TotalSeconds);

    public void Report(FillProgress value) => Report(value.Rows);

    /// <param name="done">Rows done so far; a lower number than before is ignored.</param>
    public void Report(long done)
    {
        lock (guard)
        {
            if (done >= total && total > 0) ended ??= time.GetTimestamp();
            if (done < Done) return;
            Done = Math.Min(done, total);
            Show();
        }
    }

    protected abstract void Show();
}

/// <summary>A line per stage every two seconds, and one at its end.</summary>
internal sealed class LineDisplay(Terminal terminal, TimeProvider time) : StageDisplay
{
    public override Stage Stage(string name, long total) => new LineStage(terminal, name, total, time);

    private sealed class LineStage(Terminal terminal, string name, long total, TimeProvider time) : Stage(name, total, time)
    {
        private readonly TimeProvider time = time;
        private long last = time.GetTimestamp();
        private bool complete;

        protected override void Show()
        {
            var now = Done >= Total;
            if (complete || (!now && time.GetElapsedTime(last).TotalSeconds < 2)) return;
            (last, complete) = (time.GetTimestamp(), now);
            terminal.Line($"{Name,-10} {Done,12:N0} of {Total:N0} rows, {RowsPerSecond:N0}/s");
        }
    }
}

/// <summary>Bars that move.</summary>
internal sealed class BarDisplay(ProgressContext context, ConcurrentDictionary<int, Stage> stages, TimeProvider time) : StageDisplay
{
    public static Task ShowAsync(Terminal terminal, TimeProvider time, Func<StageDisplay, Task> work) =>
        ShowAsync(terminal, time, work, []);

    private static Task ShowAsync(Terminal terminal, TimeProvider time, Func<StageDisplay, Task> work, ConcurrentDictionary<int, Stage> stages) =>
        terminal.Ansi.Progress().AutoRefresh(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn { Width = 36 }, new PercentageColumn(), new RateColumn(stages), new SpinnerColumn())
            .StartAsync(context => work(new BarDisplay(context, stages, time)));

    public override Stage Stage(string name, long total)
    {
        var task = context.AddTask(name.PadRight(10), maxValue: Math.Max(1, total));
        var stage = new BarStage(task, name, total, time);
        stages[task.Id] = stage;
        if (total == 0) task.Value = 1;
        return stage;
    }

    private sealed class BarStage(ProgressTask task, string name, long total, TimeProvider time) : Stage(name, total, time)
    {
        protected override void Show() => task.Value = Done;
    }

    private sealed class RateColumn(ConcurrentDictionary<int, Stage> stages) : ProgressColumn
    {
        public override Spectre.Console.Rendering.IRenderable Render(Spectre.Console.Rendering.RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(stages.TryGetValue(task.Id, out var stage) ? $"{stage.Done,12:N0} rows {stage.RowsPerSecond,10:N0}/s" : "", new Style(Color.Grey));
    }
}
