using StreamSettlement.DevStack.Truth;

namespace StreamSettlement.Cli.Chaos;

/// <summary>What a run came to.</summary>
/// <param name="Survived">How often each fault was done, by kind and process.</param>
/// <param name="Ended">Processes that ended though nobody stopped them, a paragraph each.</param>
/// <param name="Takeover">Of the first fault.</param>
/// <param name="Posted">Whether every day was posted in the end.</param>
/// <param name="Compared">Against the source, in the order in which it was done.</param>
internal sealed record ChaosReport(
    ChaosSettings Settings, ChaosRows Rows, IReadOnlyDictionary<(FaultKind Kind, string Target), int> Survived, IReadOnlyCollection<string> Ended,
    Takeover? Takeover, bool Posted, IReadOnlyList<Comparison> Compared, TimeSpan Elapsed)
{
    /// <summary>Kinds that the schedule holds, as it holds all, and of which not one could be done: the run says nothing about them.</summary>
    public IReadOnlyList<FaultKind> NeverDone =>
        [.. Enum.GetValues<FaultKind>().Except(Survived.Where(fault => fault.Value > 0).Select(fault => fault.Key.Kind))];

    public bool Passes => IsEqual && NeverDone.Count == 0;

    public bool IsEqual => Posted && Compared.All(comparison => comparison.IsEqual);
}

/// <param name="Written">New rows in the source.</param>
/// <param name="LateCommits">Transactions that were held open, then committed; <paramref name="LateRollbacks"/>: rolled back.</param>
/// <param name="Poison">Rows of contents that did not exist.</param>
/// <param name="Undecodable">Records of bytes that mean nothing.</param>
/// <param name="Resent">Records produced once more.</param>
/// <param name="Late">Of the counted, those that came after their day's cutoff.</param>
/// <param name="Runs">Settlement runs that posted something; more than days, where late rows were paid.</param>
/// <param name="Records">Records in the data topics that were consumed in the end; beyond the rows are changes of status, repetitions and markers.</param>
internal sealed record ChaosRows(long Written, int LateCommits, int LateRollbacks, int Poison, int Undecodable, long Resent, long Records, long CountedViews, long CountedAds, long Late, long Runs, long PayoutMicros);
