using Npgsql;
using StreamSettlement.Aggregator.Core;
using StreamSettlement.Contracts;

namespace StreamSettlement.Aggregator.Sink;

/// <summary>Dead letters one by one: found, redriven, discarded.</summary>
internal static class LetterSql
{
    public static async Task<StoredLetter?> FindAsync(NpgsqlDataSource postgres, long id, CancellationToken cancel)
    {
        await using var command = postgres.CreateCommand("""
            select stream, partition, (select partitions from rollup.partition_count c where c.stream = d.stream), key, value, state,
              format('by %s at %s: %s', decided_by, decided_at, decided_reason)
            from rollup.dead_letter d where id = $1
            """);
        command.Parameters.Add(new() { Value = id });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel)) return null;
        var state = Enum.Parse<LetterState>(reader.GetString(5), ignoreCase: true);
        return new StoredLetter(
            id, RollupStore.ReadPartition(reader), reader.GetInt32(2), Bytes(3), Bytes(4), state, state == LetterState.Open ? null : reader.GetString(6));

        byte[]? Bytes(int ordinal) => reader.IsDBNull(ordinal) ? null : reader.GetFieldValue<byte[]>(ordinal);
    }

    public static async Task RedriveAsync(NpgsqlDataSource postgres, long id, string by, string reason, CancellationToken cancel)
    {
        await using var command = postgres.CreateCommand("""
            update rollup.dead_letter set state = 'redriven', decided_by = $2, decided_reason = $3, decided_at = now() where id = $1 and state = 'open'
            """);
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = by });
        command.Parameters.Add(new() { Value = reason });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <remarks>
    /// The progress row keeps the owner's commits out for a moment: a row that is counted is either claimed when we look, or its chunk comes
    /// after us and finds the letter discarded.
    /// </remarks>
    public static async Task<bool> DiscardAsync(NpgsqlDataSource postgres, long id, LetterRow? owed, string by, string reason, CancellationToken cancel)
    {
        await using var connection = await postgres.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        // In the order of a chunk: first the partition, then its letters.
        await using (var command = new NpgsqlCommand("""
            select from rollup.progress p join rollup.dead_letter d using (generation, stream, partition) where d.id = $1 for update of p
            """, connection))
        {
            command.Parameters.Add(new() { Value = id });
            await command.ExecuteNonQueryAsync(cancel);
        }
        if (owed is not null && await IsAnsweredForAsync(connection, id, owed, cancel)) owed = null;
        await using (var command = new NpgsqlCommand("""
            update rollup.dead_letter
            set state = 'discarded', owed = $2, watch_seconds = $3, decided_by = $4, decided_reason = $5, decided_at = now()
            where id = $1 and state = 'open'
            """, connection))
        {
            command.Parameters.Add(new() { Value = id });
            command.Parameters.Add(new() { Value = owed is not null });
            command.Parameters.Add(new NpgsqlParameter<int?> { TypedValue = owed?.WatchSeconds });
            command.Parameters.Add(new() { Value = by });
            command.Parameters.Add(new() { Value = reason });
            if (await command.ExecuteNonQueryAsync(cancel) == 0) return false;
        }
        await transaction.CommitAsync(cancel);
        return true;
    }

    /// <returns>Rows of each partition that are open or discarded letters.</returns>
    public static async Task<Dictionary<LogPartition, KnownLetters>> KnownAsync(
        NpgsqlConnection connection, int generation, LogPartition[] partitions, CancellationToken cancel)
    {
        // One more than is remembered by name: then it may be any row.
        await using var command = new NpgsqlCommand($"""
            select m.stream, m.partition, d.source_epoch, d.row_id
            from unnest($2::text[], $3::int[]) as m (stream, partition)
            cross join lateral (
              select distinct source_epoch, row_id from rollup.dead_letter
              where generation = $1 and stream = m.stream and partition = m.partition and state <> 'redriven' and row_id is not null and source_epoch is not null
              limit {KnownLetters.RowsMax + 1}) d
            """, connection);
        RollupStore.AddPartitions(command, generation, partitions);
        var known = new Dictionary<LogPartition, KnownLetters>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            var at = RollupStore.ReadPartition(reader);
            if (!known.TryGetValue(at, out var letters)) known[at] = letters = new KnownLetters();
            letters.Add(reader.GetInt32(2), reader.GetInt64(3));
        }
        return known;
    }

    /// <summary>Whether the row was counted or excluded in its partition, or is owed by another letter.</summary>
    private static async Task<bool> IsAnsweredForAsync(NpgsqlConnection connection, long id, LetterRow row, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            select c.ids, exists (
              select from rollup.dead_letter o
              where o.generation = d.generation and o.stream = d.stream and o.partition = d.partition and o.log_date = d.log_date
                and o.source_epoch = d.source_epoch and o.row_id = d.row_id and o.owed)
            from rollup.dead_letter d
            left join rollup.claim c on c.generation = d.generation and c.stream = d.stream and c.partition = d.partition and c.log_date = d.log_date
              and c.source_epoch = d.source_epoch and c.block = $2
            where d.id = $1
            """, connection);
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = row.Id >> 16 });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return reader.GetBoolean(1) || (!reader.IsDBNull(0) && ClaimBlock.FromBytes(reader.GetFieldValue<byte[]>(0)).Contains((ushort)(row.Id & 0xffff)));
    }
}
