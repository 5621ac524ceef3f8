using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.Settlement;

/// <summary>Takes down that somebody accepts a day's difference. Never by a command: only whoever the API has authenticated gets here.</summary>
internal sealed class DayAcceptance(ISettlementStore store, Wakeup wakeup, SettlementTelemetry telemetry, TimeProvider time)
{
    /// <param name="attempt">The attempt whose difference was looked at; null for the newest.</param>
    /// <param name="by">As the token names him.</param>
    /// <returns>Why it is refused; null when it is accepted and the day is posted next.</returns>
    public async Task<string?> AcceptAsync(BusinessDay day, int? attempt, string by, string reason, CancellationToken cancel)
    {
        // Excludes the loop: what it decides, it decides before or after.
        await using var session = await store.BeginAsync(cancel);
        var facts = await session.ReadDayAsync(day, cancel);
        if (Closing.AcceptRefusal(facts) is { } refusal) return refusal;
        if (attempt is not null && attempt != facts.Attempt) return $"{day} is at attempt {facts.Attempt} by now, not at {attempt}: look at its difference again";
        var acceptance = new Acceptance(facts.Attempt!.Value, by, reason, facts.Difference, time.GetUtcNow());
        await session.AcceptAsync(day, acceptance, cancel);
        await session.AppendAsync(day, new DayAccepted(acceptance.Attempt, by, reason, acceptance.Difference), cancel);
        await session.CommitAsync(cancel);
        telemetry.Accepted(day, acceptance);
        wakeup.Signal();
        return null;
    }
}
