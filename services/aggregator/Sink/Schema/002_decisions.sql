-- Decisions about dead letters. A discarded row that the partition has to answer for (the source's totals hold it, and this is where ingest
-- puts it) is held by every seal beside what was counted and excluded: owed, with its seconds. Counted after all, it is owed no longer.
alter table rollup.dead_letter
  add column owed boolean not null default false,
  add column watch_seconds int,
  add check (not owed or (state = 'discarded' and row_id is not null and log_date is not null and watch_seconds is not null));
create index dead_letter_owed on rollup.dead_letter (generation, stream, partition, log_date) where owed;
create index dead_letter_row on rollup.dead_letter (generation, stream, partition, row_id) where row_id is not null and state <> 'redriven';
