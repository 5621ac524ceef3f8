using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;
using StreamSettlement.SimulationTests.Ports;
using StreamSettlement.SimulationTests.World;

namespace StreamSettlement.SimulationTests.Checks;

/// <summary>What must be so at every moment. Without them a later repair would hide that an earlier mechanism had failed.</summary>
internal sealed class Invariants(Simulation world)
{
    /// <summary>Rows whose last commit nothing announced: only the totals can find them.</summary>
    private readonly HashSet<(SourceStream Stream, long Id)> _hidden = [];

    /// <summary>Rows that stand in the log as they count.</summary>
    private readonly HashSet<(SourceStream Stream, long Id)> _published = [];

    /// <summary>When each row was last committed.</summary>
    public Dictionary<(SourceStream Stream, long Id), long> CommittedAt { get; } = [];

    public bool IsPublished(SourceStream stream, long id) => _published.Contains((stream, id));

    public void RowCommitted(SourceStream stream, SourceRow row, OpenTransaction transaction)
    {
        CommittedAt[(stream, row.Id)] = world.Scheduler.Now;
        if (transaction.IsHidden)
        {
            _hidden.Add((stream, row.Id));
            return;
        }
        _hidden.Remove((stream, row.Id));
        if (row.Position.CompareTo(world.Topics.Acknowledged[(int)stream]) <= 0)
            world.Scheduler.Violate($"{stream.Name()} {row.Id} committed at {row.Position}, behind the cursor {world.Topics.Acknowledged[(int)stream]}");
    }

    public void RecordAppended(LogPartition at, LogRecord record)
    {
        if (record.Row is { } row)
        {
            if (at.Stream == SourceStream.AdViews || row.Status == SourceStatus.Completed) _published.Add((at.Stream, row.Id));
        }
        else if (record.Marker is { } marker)
        {
            var day = BusinessDay.FromNumber(marker.LogDate);
            foreach (var covered in world.Source.Rows(at.Stream).Where(covered => SourceTables.IsCounted(at.Stream, covered, day)))
            {
                if (covered.UpdatedAt.Micros < marker.Horizon && LogTopics.PartitionOf(at.Stream, covered.ContentId) == at
                    && !_hidden.Contains((at.Stream, covered.Id)) && !IsPublished(at.Stream, covered.Id))
                    world.Scheduler.Violate($"{at}: the marker of {day} attempt {marker.Attempt} stands before row {covered.Id}, which it covers");
            }
        }
    }
}
