using StreamSettlement.Ingest.Sink;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests.Ports;

/// <summary>
/// A producer's queues: each partition's batches arrive one after the other, those of two partitions in any order. Given up, the one
/// that is on its way may still arrive.
/// </summary>
internal sealed class Producer(SimulatedProcess process, Scheduler scheduler, Dice dice, Temper temper, Network network, SimulatedServer broker, Mechanism without)
{
    private readonly Dictionary<object, Lane> _lanes = [];
    private bool _isOpen = true;

    /// <param name="lane">Partition, or whatever else keeps an order of its own.</param>
    /// <param name="append">Appends the batch, at one moment.</param>
    /// <param name="overtakes">Whether it may pass what is queued before it.</param>
    /// <returns>Completes when it is acknowledged; fails with <see cref="LogUnavailableException"/> when it is given up.</returns>
    public Task Send(object lane, Action append, bool overtakes = false)
    {
        if (!_lanes.TryGetValue(lane, out var queue)) _lanes.Add(lane, queue = new Lane());
        var batch = new Batch(append, new TaskCompletionSource());
        if (!_isOpen)
        {
            batch.Acknowledged.SetException(new LogUnavailableException("the producer is closed"));
        }
        else if (overtakes)
        {
            Arrive(queue, batch);
        }
        else
        {
            queue.Waiting.Enqueue(batch);
            if (queue.Waiting.Count == 1) Depart(queue);
        }
        return without is Mechanism.CursorAfterAcknowledgement or Mechanism.MarkerAfterFlush && lane is Aggregator.Core.LogPartition
            ? Task.CompletedTask
            : batch.Acknowledged.Task;
    }

    /// <summary>The broker went away for longer than a batch waits.</summary>
    public void GiveUp()
    {
        foreach (var lane in _lanes.Values)
        {
            if (lane.Waiting.TryPeek(out var first) && dice.Chance(0.5)) first.Append();
            while (lane.Waiting.TryDequeue(out var batch))
            {
                process.Run(() => batch.Acknowledged.TrySetException(new LogUnavailableException("not acknowledged in time")));
            }
        }
    }

    public void Close()
    {
        if (!_isOpen) return;
        _isOpen = false;
        GiveUp();
    }

    private void Depart(Lane lane)
    {
        var batch = lane.Waiting.Peek();
        scheduler.After(network.Way(), () =>
        {
            if (!lane.Waiting.TryPeek(out var next) || next != batch) return;
            if (process.IsPaused && dice.Chance(0.5))
            {
                scheduler.At(process.PausedUntil, () => Retry(lane, batch));
                return;
            }
            if (scheduler.Now < broker.DownUntil)
            {
                scheduler.At(broker.DownUntil, () => Retry(lane, batch));
                return;
            }
            lane.Waiting.Dequeue();
            Arrive(lane, batch);
            if (lane.Waiting.Count > 0) Depart(lane);
        });
    }

    private void Retry(Lane lane, Batch batch)
    {
        if (lane.Waiting.TryPeek(out var next) && next == batch) Depart(lane);
    }

    private void Arrive(Lane lane, Batch batch)
    {
        batch.Append();
        if (network.IsRough && dice.Chance(temper.DuplicatePerBatch)) batch.Append();
        scheduler.After(network.Way(), () => process.Run(() => batch.Acknowledged.TrySetResult()));
    }

    private sealed class Lane
    {
        /// <summary>The first is on its way.</summary>
        public Queue<Batch> Waiting { get; } = new();
    }

    private sealed record Batch(Action Append, TaskCompletionSource Acknowledged);
}
