using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;
using StreamSettlement.Ingest.Core;
using StreamSettlement.SimulationTests.Ports;

namespace StreamSettlement.SimulationTests.Checks;

/// <summary>What can't be counted is kept: in its topic at least once, in the table exactly once, open until it is counted after all.</summary>
internal static class DeadLetterCheck
{
    public static string? Difference(Truth truth, LogTopics topics, RollupTables rollups)
    {
        var written = topics.DeadLetters.Select(letter => (letter.At, letter.Offset)).ToHashSet();
        var open = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var letter in rollups.DeadLetters.Where(letter => letter.IsOpen).Select(letter => letter.Letter))
        {
            var name = letter.Poison.RowId is { } row ? $"{letter.At} row {row}, {letter.Poison.Reason}" : $"{letter.At}@{letter.Offset}, {letter.Poison.Reason}";
            open[name] = open.GetValueOrDefault(name) + 1;
        }
        var expected = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var at in LogTopics.All)
        {
            for (var offset = 0; offset < topics.Records(at).Count; offset++)
            {
                var record = topics.Records(at)[offset];
                if (Reason(at, record) is not { } reason) continue;
                if (!written.Contains((at, offset))) return $"{at}@{offset}: {reason} is not in the topic of dead letters";
                if (record.Row is not { } row) expected[$"{at}@{offset}, {reason}"] = 1;
                else if (reason == PoisonReason.WrongPartition || !truth.Good.Contains((at.Stream, row.Id))) expected[$"{at} row {row.Id}, {reason}"] = 1;
            }
        }
        return RollupCheck.Difference("open dead letters of", expected, open);
    }

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
