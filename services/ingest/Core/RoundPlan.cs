using StreamSettlement.Contracts;

namespace StreamSettlement.Ingest.Core;

/// <summary>How far both streams are read in one round, and what is done when they got there.</summary>
/// <param name="Below">No row at or above it is published.</param>
/// <param name="Ends">The cutoff that <paramref name="Below"/> is, when everything below it is known to be committed.</param>
/// <param name="Repairs">Days may be repaired with <paramref name="Below"/> as their horizon.</param>
/// <param name="HeldBackBy">Null where only the safety lag or a cutoff holds the round back.</param>
/// <param name="Audits">The day that is audited with <paramref name="Below"/> as its horizon.</param>
internal sealed record RoundPlan(SourceTime Below, SourceTime? Ends, bool Repairs, OpenWork? HeldBackBy, BusinessDay? Audits = null)
{
    public static RoundPlan Of(SourceLook look, TimeSpan safetyLag, DayBook days, IEnumerable<SourcePosition> positions)
    {
        var horizon = Horizon.Of(look, safetyLag);
        if (days.PendingCutoff is { } cutoff && MayStandAt(cutoff))
            return new RoundPlan(cutoff, cutoff, Repairs: false, null);
        var below = days.PendingCutoff is { } pending ? SourceTime.Min(pending, horizon.Below) : horizon.Below;
        // A repair or an audit needs both streams at one bound that lies above everything published, but not at the newest: in a backlog an
        // audit need not wait for its end, a repair only for what was written before it was asked for.
        var reached = new SourceTime(checked(positions.Max().UpdatedAt.Micros + 1));
        var plan = new RoundPlan(below, null, Repairs: false, horizon.HeldBackBy);
        if (days.Repairing.Any())
        {
            var repairAt = days.Repairing.Select(record => record.RepairFrom).Append(reached).Max();
            var crossesCutoff = days.PendingCutoff < repairAt;
            return !crossesCutoff && MayStandAt(repairAt) ? plan with { Below = repairAt, Repairs = true } : plan;
        }
        if (days.AuditDue(below) is not var (record, due)) return plan;
        var auditAt = SourceTime.Max(due, reached);
        return auditAt <= below ? plan with { Below = auditAt, Audits = record.Day } : plan;

        bool MayStandAt(SourceTime bound) => bound <= horizon.Below || Horizon.IsSettled(look, bound);
    }
}
