using StreamSettlement.Contracts;

namespace StreamSettlement.Settlement.Core;

/// <summary>What happened to a day, for its journal. The type's name is the event's name there.</summary>
internal abstract record DayJournalEvent;

internal sealed record DaySealed(int Attempt, string? Detail) : DayJournalEvent;

internal sealed record DayBalanced(int Attempt) : DayJournalEvent;

internal sealed record RepairAsked(int Attempt, int Repair, string Detail) : DayJournalEvent;

internal sealed record DayOutOfBalance(int Attempt, string Detail) : DayJournalEvent;

/// <summary>Somebody took the difference on himself: the day counts as balanced while both sides stay as they are.</summary>
internal sealed record DayAccepted(int Attempt, string By, string Reason, string Difference) : DayJournalEvent;

/// <param name="Lines">Lines of this day only; other days' are in their own journals as <see cref="DayAdjusted"/>.</param>
internal sealed record DayPosted(int Attempt, long RunId, long Lines, string AmountMicros) : DayJournalEvent;

/// <summary>A run that closed another day, or this one again, changed this day's payouts.</summary>
/// <param name="AmountMicros">Net difference; micros pass 2^53, so it is text.</param>
internal sealed record DayAdjusted(long RunId, BusinessDay CausedBy, long Lines, string AmountMicros) : DayJournalEvent;
