using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;
using StreamSettlement.Settlement.Source;

namespace StreamSettlement.Settlement.Sink;

/// <summary>Writes where each day stands.</summary>
internal static class DayWriter
{
    /// <summary>A day is known from its first row on.</summary>
    public static async Task RegisterAsync(NpgsqlConnection connection, DateTimeOffset now, CancellationToken cancel)
    {
        await using var command = connection.Command("""
            insert into settlement.day_state (log_date, status, changed_at)
            select log_date, 'Open', $1 from rollup.day_generation known
            where not exists (select from settlement.day_state where day_state.log_date = known.log_date)
            on conflict do nothing
            """, now);
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Writes the marks that have changed and removes those of days that are gone.</summary>
    public static async Task SaveMarksAsync(NpgsqlConnection connection, RunPlan plan, CancellationToken cancel)
    {
        var changed = Changes.Of(plan.Marks, plan.Settled).ToList();
        if (changed.Count == 0) return;
        await using var command = connection.Command("""
            merge into settlement.settled_day known
            using unnest($1::date[], $2::text[]) as now (log_date, mark) on known.log_date = now.log_date
            when matched and now.mark is null then delete
            when matched then update set mark = now.mark
            when not matched then insert (log_date, mark) values (now.log_date, now.mark)
            """, changed.Select(day => day.Date).ToArray(), changed.Select(day => plan.Marks.GetValueOrDefault(day)).ToArray());
        await command.ExecuteNonQueryAsync(cancel);
    }

    public static async Task AcceptAsync(NpgsqlConnection connection, BusinessDay day, Acceptance acceptance, CancellationToken cancel)
    {
        await using var command = connection.Command("""
            insert into settlement.acceptance (log_date, attempt, accepted_by, reason, difference, accepted_at)
            values ($1, $2, $3, $4, $5, $6) on conflict do nothing
            """, day.Date, acceptance.Attempt, acceptance.By, acceptance.Reason, acceptance.Difference, acceptance.At);
        await command.ExecuteNonQueryAsync(cancel);
    }

    public static async Task SaveAsync(NpgsqlConnection connection, BusinessDay day, DayRecord record, DateTimeOffset now, CancellationToken cancel)
    {
        await using var command = connection.Command("""
            insert into settlement.day_state (log_date, status, attempt, repairs, repair_attempt, detail, posted_at, changed_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            on conflict (log_date) do update set
              status = excluded.status, attempt = excluded.attempt, repairs = excluded.repairs, repair_attempt = excluded.repair_attempt,
              detail = excluded.detail, posted_at = excluded.posted_at, changed_at = excluded.changed_at
            """,
            day.Date, record.Status.ToString(), record.Attempt, record.Repairs, record.RepairAttempt, record.Detail, record.PostedAt, now);
        await command.ExecuteNonQueryAsync(cancel);
    }
}
