namespace StreamSettlement.Aggregator.Core;

/// <summary>
/// Rows of a partition that are open or discarded dead letters. One of them that is counted after all settles its letter, and the search for
/// it costs only where there is something to find. Beyond a bound it may be any row.
/// </summary>
internal sealed class KnownLetters
{
    /// <summary>Rows remembered by name, of one partition.</summary>
    public const int RowsMax = 10_000;

    private readonly HashSet<(int SourceEpoch, long RowId)> _rows = [];

    public void Add(int sourceEpoch, long rowId)
    {
        if (_rows.Count <= RowsMax) _rows.Add((sourceEpoch, rowId));
    }

    public bool MayHold(int sourceEpoch, long rowId) => _rows.Count > 0 && (_rows.Count > RowsMax || _rows.Contains((sourceEpoch, rowId)));
}
