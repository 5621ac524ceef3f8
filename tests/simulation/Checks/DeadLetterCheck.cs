using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;
using StreamSettlement.SimulationTests.Ports;

namespace StreamSettlement.SimulationTests.Checks;

/// <summary>What can't be counted is kept: in its topic at least once, in the table exactly once, open until it is counted after all.</summary>
internal static class DeadLetterCheck
{
    /// <param name="decided">Letters that an operator redrove or discarded.</param>
    public static string? Difference(Truth truth, LogTopics topics, RollupTables rollups, IReadOnlySet<DeadLetter> decided)
    {
        var written = topics.DeadLetters.Select(letter => (letter.At, letter.Offset)).ToHashSet();
        var known = rollups.DeadLetters.ToLookup(letter => NameOf(letter.Letter.At, letter.Letter.Offset, letter.Letter.Poison.RowId, letter.Letter.Poison.Reason));
        var poison = new HashSet<string>(StringComparer.Ordinal);
        foreach (var at in LogTopics.All)
        {
            for (var offset = 0; offset < topics.Records(at).Count; offset++)
            {
                var record = topics.Records(at)[offset];
                if (Reason(at, record) is not { } reason) continue;
                if (!written.Contains((at, offset))) return $"{at}@{offset}: {reason} is not in the topic of dead letters";
                var name = NameOf(at, offset, record.Row?.Id, reason);
                poison.Add(name);
                var open = known[name].Count(letter => letter.IsOpen);
                var isCounted = reason != PoisonReason.WrongPartition && record.Row is { } row && truth.Good.Contains((at.Stream, row.Id));
                if (!known[name].Any()) return $"{name}: no dead letter is kept";
                if (open > 1) return $"{name}: {open} dead letters are open";
                if (open == 1 && isCounted) return $"{name}: a dead letter is open of a row that is counted";
                if (open == 0 && !isCounted && !known[name].Any(letter => decided.Contains(letter.Letter))) return $"{name}: its dead letter is closed, and nobody has decided";
            }
        }
        var stranger = rollups.DeadLetters.Select(letter => letter.Letter).FirstOrDefault(letter => !poison.Contains(NameOf(letter.At, letter.Offset, letter.Poison.RowId, letter.Poison.Reason)));
        return stranger is null ? null : $"{stranger.At}@{stranger.Offset}: a dead letter of a good record, {stranger.Poison.Reason}";
    }

    /// <summary>What one dead letter is kept of: a record, or all copies of a row.</summary>
    private static string NameOf(LogPartition at, long offset, long? row, PoisonReason reason) =>
        row is { } id ? $"{at} row {id}, {reason}" : $"{at}@{offset}, {reason}";

    /// <summary>Why a record can't be counted, in the order in which the aggregator promises to look.</summary>
    private static PoisonReason? Reason(LogPartition at, LogRecord record)
    {
        if (record.Marker is not null) return null;
        if (record.Row is not { } row) return PoisonReason.Undecodable;
        if (at.Stream == SourceStream.ViewLogs && row.Status != SourceStatus.Completed) return null;
        if (LogTopics.PartitionOf(at.Stream, row.ContentId) != at) return PoisonReason.WrongPartition;
        if (row.WatchSeconds < 0) return PoisonReason.BadValue;
        if (Truth.IsFarAhead(row.LogDate)) return PoisonReason.FutureLogDate;
        return row.CreatorId == 0 ? PoisonReason.UnknownContent : null;
    }
}
