using Npgsql;
using NpgsqlTypes;
using StreamSettlement.Aggregator.Core;

namespace StreamSettlement.Aggregator.Sink;

/// <summary>The statements that write a chunk: one per table, whole columns as arrays, rows in key order.</summary>
internal static class ChunkSql
{
    public static void AddTo(NpgsqlBatch batch, Chunk chunk, int generation)
    {
        var sql = new Statements(batch, generation);
        AddProgress(sql, chunk.Moves);
        AddDays(sql, chunk);
        // A bad row may have come again as a good one in the same chunk.
        AddDeadLetters(sql, chunk.DeadLetters);
        // Before the seals: a discarded row that is counted in this chunk must not stand in both. (Counted after the chunk's marker it is
        // missing from this seal; the day does not balance, and the next attempt's seal has it.)
        SettleDeadLetters(sql, chunk.MayBeLetters);
        // Before the partition's totals move: a seal takes those of the last commit and adds what the chunk had before the marker.
        AddSeals(sql, chunk.Seals);
        AddPartitionDays(sql, chunk.PartitionDays);
        AddContents(sql, chunk.Contents);
        AddAds(sql, chunk.Ads);
        AddClaims(sql, chunk.Claims);
        AddExcluded(sql, chunk.Excluded);
    }

    private static void AddProgress(Statements sql, IReadOnlyList<ProgressMove> moves) => sql
        .Add(moves.Count, """
            update rollup.progress p
            set next_offset = greatest(p.next_offset, m.next_offset), commits = p.commits + 1, updated_at = now()
            from unnest($2::text[], $3::int[], $4::bigint[]) as m (stream, partition, next_offset)
            where p.generation = $1 and p.stream = m.stream and p.partition = m.partition
            """)
        .Partitions(moves, move => move.At)
        .Column(moves, move => move.NextOffset);

    private static void AddDays(Statements sql, Chunk chunk) => sql
        .Add(chunk.Days.Count, "insert into rollup.day_generation (log_date, generation) select d, $1 from unnest($2::date[]) d on conflict do nothing")
        .Column(chunk.Days, day => day.Date);

    private static void AddSeals(Statements sql, IReadOnlyList<Seal> seals) => sql
        .Add(seals.Count, """
            insert into rollup.seal (generation, stream, partition, log_date, attempt, cutoff, horizon, marker_rows, marker_id_sum,
              marker_watch_seconds, own_rows, own_id_sum, own_watch_seconds, kafka_offset)
            select $1, s.stream, s.partition, s.log_date, s.attempt, s.cutoff, s.horizon, s.marker_rows, s.marker_id_sum, s.marker_watch_seconds,
              coalesce(d.rows, 0) + s.own_rows + owed.rows, mod(coalesce(d.id_sum, 0) + s.own_id_sum + owed.id_sum, 18446744073709551616),
              coalesce(d.watch_seconds, 0) + s.own_watch_seconds + owed.watch_seconds, s.kafka_offset
            from unnest($2::text[], $3::int[], $4::date[], $5::int[], $6::timestamptz[], $7::timestamptz[], $8::bigint[], $9::numeric[],
                $10::bigint[], $11::bigint[], $12::numeric[], $13::bigint[], $14::bigint[])
              as s (stream, partition, log_date, attempt, cutoff, horizon, marker_rows, marker_id_sum, marker_watch_seconds, own_rows,
                own_id_sum, own_watch_seconds, kafka_offset)
            left join rollup.partition_day d
              on d.generation = $1 and d.stream = s.stream and d.partition = s.partition and d.log_date = s.log_date
            cross join lateral (
              select count(*) as rows, coalesce(sum(l.row_id), 0) as id_sum, coalesce(sum(l.watch_seconds), 0) as watch_seconds
              from rollup.dead_letter l
              where l.generation = $1 and l.stream = s.stream and l.partition = s.partition and l.log_date = s.log_date and l.owed
            ) owed
            on conflict do nothing
            """)
        .Partitions(seals, seal => seal.At)
        .Column(seals, seal => seal.Marker.Day.Date)
        .Column(seals, seal => seal.Marker.Attempt)
        .Column(seals, seal => seal.Marker.Cutoff.ToUtc())
        .Column(seals, seal => seal.Marker.Horizon.ToUtc())
        .Column(seals, seal => seal.Marker.Totals.Rows)
        .Column(seals, seal => (decimal)seal.Marker.Totals.IdSum)
        .Column(seals, seal => seal.Marker.Totals.WatchSeconds)
        .Column(seals, seal => seal.OwnInChunk.Rows)
        .Column(seals, seal => (decimal)seal.OwnInChunk.IdSum)
        .Column(seals, seal => seal.OwnInChunk.WatchSeconds)
        .Column(seals, seal => seal.Offset);

    private static void AddPartitionDays(Statements sql, IReadOnlyList<(PartitionDay Day, Totals Totals)> days) => sql
        .Add(days.Count, """
            insert into rollup.partition_day as d (generation, stream, partition, log_date, rows, id_sum, watch_seconds)
            select $1, * from unnest($2::text[], $3::int[], $4::date[], $5::bigint[], $6::numeric[], $7::bigint[])
            on conflict (generation, stream, partition, log_date) do update set
              rows = d.rows + excluded.rows,
              id_sum = mod(d.id_sum + excluded.id_sum, 18446744073709551616),
              watch_seconds = d.watch_seconds + excluded.watch_seconds
            """)
        .Partitions(days, day => day.Day.At)
        .Column(days, day => day.Day.Day.Date)
        .Column(days, day => day.Totals.Rows)
        .Column(days, day => (decimal)day.Totals.IdSum)
        .Column(days, day => day.Totals.WatchSeconds);

    private static void AddContents(Statements sql, IReadOnlyList<(ContentCell Cell, CellSum Sum)> cells) => sql
        .Add(cells.Count, """
            insert into rollup.content_day as d (generation, log_date, content_id, creator_id, views, watch_seconds, late_views)
            select $1, * from unnest($2::date[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
            on conflict (generation, log_date, content_id, creator_id) do update set
              views = d.views + excluded.views,
              watch_seconds = d.watch_seconds + excluded.watch_seconds,
              late_views = d.late_views + excluded.late_views
            """)
        .Column(cells, cell => cell.Cell.Day.Date)
        .Column(cells, cell => cell.Cell.Content.Value)
        .Column(cells, cell => cell.Cell.Creator.Value)
        .Column(cells, cell => cell.Sum.Units)
        .Column(cells, cell => cell.Sum.WatchSeconds)
        .Column(cells, cell => cell.Sum.Late);

    private static void AddAds(Statements sql, IReadOnlyList<(AdCell Cell, CellSum Sum)> cells) => sql
        .Add(cells.Count, """
            insert into rollup.ad_content_day as d (generation, log_date, content_id, creator_id, ad_views, late_ad_views, lines, summed_lines)
            select $1, log_date, content_id, creator_id, sum(ad_views), sum(late), array_agg(array[advertisement_id, ad_views]), count(*)
            from unnest($2::date[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
              as c (log_date, content_id, advertisement_id, creator_id, ad_views, late)
            group by log_date, content_id, creator_id
            order by log_date, content_id, creator_id
            on conflict (generation, log_date, content_id, creator_id) do update set
              ad_views = d.ad_views + excluded.ad_views,
              late_ad_views = d.late_ad_views + excluded.late_ad_views,
              lines = case when array_length(d.lines, 1) + excluded.summed_lines > 2 * d.summed_lines + 32
                then rollup.summed(d.lines || excluded.lines) else d.lines || excluded.lines end,
              summed_lines = case when array_length(d.lines, 1) + excluded.summed_lines > 2 * d.summed_lines + 32
                then array_length(rollup.summed(d.lines || excluded.lines), 1) else d.summed_lines end
            """)
        .Column(cells, cell => cell.Cell.Day.Date)
        .Column(cells, cell => cell.Cell.Content.Value)
        .Column(cells, cell => cell.Cell.Advertisement.Value)
        .Column(cells, cell => cell.Cell.Creator.Value)
        .Column(cells, cell => cell.Sum.Units)
        .Column(cells, cell => cell.Sum.Late);

    private static void AddClaims(Statements sql, IReadOnlyList<ChangedClaim> claims) => sql
        .Add(claims.Count, """
            insert into rollup.claim (generation, stream, partition, log_date, source_epoch, block, kind, ids)
            select $1, * from unnest($2::text[], $3::int[], $4::date[], $5::int[], $6::bigint[], $7::text[], $8::bytea[])
            on conflict (generation, stream, partition, log_date, source_epoch, block) do update set kind = excluded.kind, ids = excluded.ids
            """)
        .Partitions(claims, claim => claim.Key.At)
        .Column(claims, claim => claim.Key.Day.Date)
        .Column(claims, claim => claim.Key.SourceEpoch)
        .Column(claims, claim => claim.Key.Block)
        .Column(claims, claim => claim.IsBitmap ? "bitmap" : "list")
        .Column(claims, claim => claim.Ids);

    private static void AddExcluded(Statements sql, IReadOnlyList<Exclusion> rows) => sql
        .Add(rows.Count, """
            insert into rollup.excluded (generation, stream, partition, log_date, source_epoch, row_id, content_id, creator_id, watch_seconds, rule_version)
            select $1, * from unnest($2::text[], $3::int[], $4::date[], $5::int[], $6::bigint[], $7::bigint[], $8::bigint[], $9::int[], $10::int[])
            """)
        .Partitions(rows, row => row.At)
        .Column(rows, row => row.Fact.Day.Date)
        .Column(rows, row => row.Fact.SourceEpoch)
        .Column(rows, row => row.Fact.RowId)
        .Column(rows, row => row.Fact.Content.Value)
        .Column(rows, row => row.Fact.Creator.Value)
        .Column(rows, row => row.Fact.WatchSeconds)
        .Column(rows, row => row.RuleVersion);

    /// <summary>A row that was discarded stays discarded: a repair that publishes it again opens nothing.</summary>
    private static void AddDeadLetters(Statements sql, IReadOnlyList<DeadLetter> letters) => sql
        .Add(letters.Count, """
            insert into rollup.dead_letter (generation, stream, partition, kafka_offset, incarnation, log_date, row_id, source_epoch, reason, detail, key, value)
            select $1, new.*
            from unnest($2::text[], $3::int[], $4::bigint[], $5::int[], $6::date[], $7::bigint[], $8::int[], $9::text[], $10::text[],
                $11::bytea[], $12::bytea[])
              as new (stream, partition, kafka_offset, incarnation, log_date, row_id, source_epoch, reason, detail, key, value)
            where not exists (
              select from rollup.dead_letter d
              where d.generation = $1 and d.stream = new.stream and d.partition = new.partition and d.row_id = new.row_id
                and d.source_epoch = new.source_epoch and d.log_date is not distinct from new.log_date and d.state = 'discarded'
                and (d.reason = 'wrong-stream') = (new.reason = 'wrong-stream'))
            on conflict do nothing
            """)
        .Partitions(letters, letter => letter.At)
        .Column(letters, letter => letter.Offset)
        .Column(letters, letter => letter.Incarnation)
        .Column(letters, letter => letter.Poison.Day?.Date)
        .Column(letters, letter => letter.Poison.RowId)
        .Column(letters, letter => letter.Poison.SourceEpoch)
        .Column(letters, letter => letter.Poison.Reason.Name())
        .Column(letters, letter => letter.Poison.Detail)
        .Column(letters, letter => letter.Key)
        .Column(letters, letter => letter.Value);

    /// <summary>A bad row that came again as a good one is counted: nothing is left to decide, and a decision to discard it is over.
    /// A row of the other stream only happens to have the same id.</summary>
    private static void SettleDeadLetters(Statements sql, IReadOnlyList<ClaimedRow> rows) => sql
        .Add(rows.Count, """
            update rollup.dead_letter d
            set state = 'redriven', owed = false, decided_by = 'aggregator', decided_at = now(),
              decided_reason = 'the row came again and was counted' || case when d.state = 'open' then '' else
                format('; %s had discarded it at %s: %s', d.decided_by, d.decided_at, d.decided_reason) end
            from unnest($2::text[], $3::int[], $4::int[], $5::bigint[]) as r (stream, partition, source_epoch, row_id)
            where d.generation = $1 and d.stream = r.stream and d.partition = r.partition and d.source_epoch = r.source_epoch
              and d.row_id = r.row_id and d.state in ('open', 'discarded') and d.reason <> 'wrong-stream'
            """)
        .Partitions(rows, row => row.At)
        .Column(rows, row => row.SourceEpoch)
        .Column(rows, row => row.RowId);

    /// <summary>Adds statements to a batch; one without rows is left out.</summary>
    private sealed class Statements(NpgsqlBatch batch, int generation)
    {
        private NpgsqlBatchCommand? _current;

        public Statements Add(int rows, string sql)
        {
            _current = null;
            if (rows == 0) return this;
            _current = new NpgsqlBatchCommand(sql);
            _current.Parameters.Add(new NpgsqlParameter { Value = generation });
            batch.BatchCommands.Add(_current);
            return this;
        }

        public Statements Partitions<T>(IReadOnlyList<T> rows, Func<T, LogPartition> at) => this
            .Column(rows, row => Contracts.SourceStreams.Name(at(row).Stream))
            .Column(rows, row => at(row).Partition);

        public Statements Column<T, TValue>(IReadOnlyList<T> rows, Func<T, TValue> value)
        {
            if (_current is null) return this;
            var values = new TValue[rows.Count];
            for (var i = 0; i < values.Length; i++) values[i] = value(rows[i]);
            var parameter = new NpgsqlParameter<TValue[]> { TypedValue = values };
            if (typeof(TValue) == typeof(string)) parameter.NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text;
            if (typeof(TValue) == typeof(DateTime)) parameter.NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz;
            if (typeof(TValue) == typeof(byte[])) parameter.NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea;
            if (typeof(TValue) == typeof(DateOnly) || typeof(TValue) == typeof(DateOnly?)) parameter.NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Date;
            _current.Parameters.Add(parameter);
            return this;
        }
    }
}
