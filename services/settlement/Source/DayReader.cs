using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Settlement.Core;

namespace StreamSettlement.Settlement.Source;

/// <summary>What the tables say about days: seals and totals from rollup, decisions from settlement.</summary>
internal static class DayReader
{
    public const string RollupIsThere =
        "select to_regclass('rollup.seal') is not null and to_regclass('rollup.content_daily') is not null and to_regclass('rollup.ad_content_daily') is not null";

    // A day without rows has no generation of its own; its seals are the live one's.
    private static string ActiveGeneration(string day) =>
        $"coalesce((select generation from rollup.day_generation where log_date = {day}), (select min(id) from rollup.generation where state = 'live'))";

    /// <returns>Days with a marker newer than what was decided, those that wait, and those whose difference was accepted.</returns>
    public static async Task<IReadOnlyList<BusinessDay>> CandidatesAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        // A marker goes to every partition: partition 0 alone tells which days have which attempts, at a fraction of the rows.
        await using var command = connection.Command($"""
            select newest.log_date
            from (
              select log_date, max(attempt) as attempt from rollup.seal
              where partition = 0 and generation = {ActiveGeneration("seal.log_date")}
              group by log_date
            ) newest
            left join settlement.day_state using (log_date)
            where day_state.log_date is null or status in ('Open', 'Sealed', 'Balanced') or newest.attempt > coalesce(day_state.attempt, 0)
              or (status = 'OutOfBalance' and exists (
                select from settlement.acceptance
                where acceptance.log_date = day_state.log_date and acceptance.attempt = day_state.attempt))
            order by 1
            """);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var days = new List<BusinessDay>();
        while (await reader.ReadAsync(cancel)) days.Add(reader.GetDay(0));
        return days;
    }

    public static async Task<IReadOnlyDictionary<DayStatus, long>> CountAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = connection.Command("select status, count(*) from settlement.day_state group by status");
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var counts = Enum.GetValues<DayStatus>().ToDictionary(status => status, _ => 0L);
        while (await reader.ReadAsync(cancel)) counts[Enum.Parse<DayStatus>(reader.GetString(0))] = reader.GetInt64(1);
        return counts;
    }

    /// <summary>Everything that decides about a day. Several statements: the caller's transaction makes them one snapshot.</summary>
    public static async Task<DayFacts> ReadAsync(NpgsqlConnection connection, BusinessDay day, CancellationToken cancel)
    {
        var (generation, attempt, deadLetters) = await NewestAsync(connection, day, cancel);
        var streams = new List<StreamFacts>();
        foreach (var stream in SourceStreams.All) streams.Add(await StreamAsync(connection, day, generation, attempt, stream, cancel));
        return new DayFacts(
            day, attempt, streams, deadLetters, await RecordAsync(connection, day, cancel), await AcceptanceAsync(connection, day, cancel));
    }

    private static async Task<(int? Generation, int? Attempt, long DeadLetters)> NewestAsync(
        NpgsqlConnection connection, BusinessDay day, CancellationToken cancel)
    {
        await using var command = connection.Command($"""
            select active.generation,
              (select max(attempt) from rollup.seal where seal.generation = active.generation and log_date = $1),
              (select count(*) from rollup.dead_letter
               where dead_letter.generation = active.generation and state = 'open' and (log_date = $1 or log_date is null))
            from (select {ActiveGeneration("$1")} as generation) active
            """, day.Date);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return (reader.GetNullable<int>(0), reader.GetNullable<int>(1), reader.GetInt64(2));
    }

    private static async Task<StreamFacts> StreamAsync(
        NpgsqlConnection connection, BusinessDay day, int? generation, int? attempt, SourceStream stream, CancellationToken cancel)
    {
        await using var command = connection.Command("""
            select (select partitions from rollup.partition_count where partition_count.stream = $4),
              count(*)::int,
              count(distinct (marker_rows, marker_id_sum, marker_watch_seconds))::int,
              min(marker_rows), min(marker_id_sum)::text, min(marker_watch_seconds),
              coalesce(sum(own_rows), 0)::bigint, mod(coalesce(sum(own_id_sum), 0), 18446744073709551616)::text,
              coalesce(sum(own_watch_seconds), 0)::bigint
            from rollup.seal
            where generation = $1 and log_date = $2 and attempt = $3 and stream = $4
            """, generation ?? 0, day.Date, attempt ?? 0, stream.Name());
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        var sealedPartitions = reader.GetInt32(1);
        return new StreamFacts(
            stream,
            reader.GetNullable<int>(0),
            sealedPartitions,
            sealedPartitions == 0 ? null : new Totals(reader.GetInt64(3), Numbers.UInt64(reader.GetString(4)), reader.GetInt64(5)),
            reader.GetInt32(2) == 1,
            new Totals(reader.GetInt64(6), Numbers.UInt64(reader.GetString(7)), reader.GetInt64(8)));
    }

    private static async Task<Acceptance?> AcceptanceAsync(NpgsqlConnection connection, BusinessDay day, CancellationToken cancel)
    {
        await using var command = connection.Command("""
            select attempt, accepted_by, reason, difference, accepted_at from settlement.acceptance
            where log_date = $1 order by attempt desc limit 1
            """, day.Date);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel)
            ? new Acceptance(reader.GetInt32(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetMoment(4))
            : null;
    }

    private static async Task<DayRecord> RecordAsync(NpgsqlConnection connection, BusinessDay day, CancellationToken cancel)
    {
        await using var command = connection.Command(
            "select status, attempt, repairs, repair_attempt, posted_at, detail from settlement.day_state where log_date = $1", day.Date);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel)) return DayRecord.New;
        return new DayRecord(
            Enum.Parse<DayStatus>(reader.GetString(0)), reader.GetNullable<int>(1), reader.GetInt32(2), reader.GetNullable<int>(3),
            reader.IsDBNull(4) ? null : reader.GetMoment(4), reader.GetText(5));
    }
}
