namespace StreamSettlement.SimulationTests.World;

/// <summary>
/// A mechanism that the promises rest on, turned off in an adapter of the simulation. A simulation that finds nothing then is none.
/// </summary>
internal enum Mechanism
{
    /// <summary>Nothing is turned off.</summary>
    None,

    /// <summary>The store forgets which rows were counted.</summary>
    Claim,

    /// <summary>The store takes a chunk from whoever brings it.</summary>
    Epoch,

    /// <summary>The store does not recognise a chunk that it has.</summary>
    CommitCounter,

    /// <summary>Position and claims are one transaction, what was counted is the next.</summary>
    OneTransaction,

    /// <summary>The source shows no open transactions.</summary>
    Horizon,

    /// <summary>The source calls an old list of transactions a fresh one.</summary>
    FreshList,

    /// <summary>The control totals are those of what was published, not of the source.</summary>
    Totals,

    /// <summary>Nobody hears settlement ask for the repair of a day.</summary>
    Repair,

    /// <summary>Rows are acknowledged before they stand in the log.</summary>
    CursorAfterAcknowledgement,

    /// <summary>Markers overtake rows on their way to the log.</summary>
    MarkerAfterFlush,

    /// <summary>Dead letters are acknowledged before they stand in their topic.</summary>
    DeadLetterBeforeCommit,

    /// <summary>Two settlements run at the same time.</summary>
    OneSettlement,
}
