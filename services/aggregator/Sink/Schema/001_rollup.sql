-- Rollups, and beside them everything that makes them exact: claims, seals, dead letters, positions. Written by the aggregator
-- alone; everyone else only reads. stream is 'view-logs' or 'ad-views'; a row's identity is (stream, source_epoch, row id).

create table rollup.generation (
  id         int primary key,
  state      text not null check (state in ('live', 'building', 'retired')),
  created_at timestamptz not null default now()
);
insert into rollup.generation (id, state) values (1, 'live');

-- Which generation a day's figures are read from; written with the day's first row or marker.
create table rollup.day_generation (
  log_date   date primary key,
  generation int not null references rollup.generation
);

-- fillfactor: most writes add to a row that exists; with room on its page no index entry has to be written for it.
create table rollup.content_day (
  generation    int not null,
  log_date      date not null,
  content_id    bigint not null,
  creator_id    bigint not null,
  views         bigint not null check (views >= 0),
  watch_seconds bigint not null check (watch_seconds >= 0),
  -- How many of the views were updated at or after their day's cutoff.
  late_views    bigint not null check (late_views between 0 and views),
  primary key (generation, log_date, content_id, creator_id)
) with (fillfactor = 70);

create table rollup.ad_day (
  generation       int not null,
  log_date         date not null,
  content_id       bigint not null,
  advertisement_id bigint not null,
  creator_id       bigint not null,
  ad_views         bigint not null check (ad_views >= 0),
  late_ad_views    bigint not null check (late_ad_views between 0 and ad_views),
  primary key (generation, log_date, content_id, advertisement_id, creator_id)
) with (fillfactor = 70);

-- The ids that were counted or excluded, 65,536 to a block: id >> 16 is the block, the low 16 bits are in ids.
-- kind 'list': ascending little-endian 16-bit numbers, fewer than 4,096. kind 'bitmap': 8,192 bytes, id n is bit n % 8 of byte
-- n / 8, as get_bit(ids, n) reads it.
create table rollup.claim (
  generation   int not null,
  stream       text not null,
  partition    int not null,
  log_date     date not null,
  source_epoch int not null,
  block        bigint not null,
  kind         text not null check (kind in ('list', 'bitmap')),
  ids          bytea not null check (case kind when 'bitmap' then octet_length(ids) = 8192 else octet_length(ids) < 8192 end),
  primary key (generation, stream, partition, log_date, source_epoch, block)
) with (fillfactor = 70);
-- Dense ids don't compress; trying costs more than the rest of the write.
alter table rollup.claim alter column ids set storage external;

-- Which COMPLETED rows count: the highest version whose effective_from is not after the row's log_date.
create table rollup.eligibility_rule (
  version               int primary key,
  minimum_watch_seconds int not null check (minimum_watch_seconds >= 0),
  effective_from        date not null
);
insert into rollup.eligibility_rule (version, minimum_watch_seconds, effective_from) values (1, 0, '0001-01-01');

-- COMPLETED rows that the rule did not let count; claimed like those that did.
create table rollup.excluded (
  generation    int not null,
  stream        text not null,
  partition     int not null,
  log_date      date not null,
  source_epoch  int not null,
  row_id        bigint not null,
  content_id    bigint not null,
  creator_id    bigint not null,
  watch_seconds int not null,
  rule_version  int not null references rollup.eligibility_rule,
  primary key (generation, stream, partition, log_date, source_epoch, row_id)
);

-- What the partition holds of the day, counted and excluded: compared with the source's totals. id_sum is modulo 2^64.
create table rollup.partition_day (
  generation    int not null,
  stream        text not null,
  partition     int not null,
  log_date      date not null,
  rows          bigint not null check (rows >= 0),
  id_sum        numeric(20) not null check (id_sum between 0 and 18446744073709551615),
  watch_seconds bigint not null check (watch_seconds >= 0),
  primary key (generation, stream, partition, log_date)
) with (fillfactor = 70);

-- A marker with the totals it brought (of the whole stream) and the partition's own at that point of its order.
create table rollup.seal (
  generation           int not null,
  stream               text not null,
  partition            int not null,
  log_date             date not null,
  attempt              int not null check (attempt >= 1),
  cutoff               timestamptz not null,
  horizon              timestamptz not null,
  marker_rows          bigint not null,
  marker_id_sum        numeric(20) not null,
  marker_watch_seconds bigint not null,
  own_rows             bigint not null,
  own_id_sum           numeric(20) not null,
  own_watch_seconds    bigint not null,
  kafka_offset         bigint not null,
  sealed_at            timestamptz not null default now(),
  primary key (generation, stream, partition, log_date, attempt)
);

-- The next offset to read, moved in the transaction that counts what was read. epoch: raised by whoever takes the partition over;
-- commits: one more with each transaction of that epoch, so that a commit whose answer was lost is recognised. incarnation: one
-- more when the topic was recreated and offsets began anew.
create table rollup.progress (
  generation  int not null,
  stream      text not null,
  partition   int not null,
  epoch       bigint not null,
  commits     bigint not null default 0,
  next_offset bigint not null check (next_offset >= 0),
  incarnation int not null default 1,
  owner       text not null,
  updated_at  timestamptz not null default now(),
  primary key (generation, stream, partition)
) with (fillfactor = 50);

-- Partition counts are frozen: a content's rows must stay in one partition.
create table rollup.partition_count (
  stream     text primary key,
  partitions int not null check (partitions between 1 and 1024)
);

-- Records that could not be counted; an open one blocks its day until somebody decides.
create table rollup.dead_letter (
  id             bigint generated always as identity primary key,
  generation     int not null,
  stream         text not null,
  partition      int not null,
  kafka_offset   bigint not null,
  incarnation    int not null,
  log_date       date,
  row_id         bigint,
  source_epoch   int,
  reason         text not null,
  detail         text not null,
  key            bytea,
  value          bytea,
  state          text not null default 'open' check (state in ('open', 'redriven', 'discarded')),
  decided_by     text,
  decided_reason text,
  decided_at     timestamptz,
  created_at     timestamptz not null default now(),
  check ((state = 'open') = (decided_at is null))
);
create unique index dead_letter_once on rollup.dead_letter (generation, stream, partition, incarnation, kafka_offset);
-- A repair publishes a bad row again: one open dead letter of it is enough.
create unique index dead_letter_open_row on rollup.dead_letter
  (generation, stream, partition, log_date, source_epoch, row_id, reason) nulls not distinct
  where state = 'open' and row_id is not null;
create index dead_letter_open_day on rollup.dead_letter (log_date) where state = 'open';

-- For anyone: the figures of the active generation of each day.
create view rollup.content_daily as
  select c.log_date, c.content_id, c.creator_id, c.views, c.watch_seconds
  from rollup.content_day c join rollup.day_generation g on g.log_date = c.log_date and g.generation = c.generation;

create view rollup.ad_daily as
  select a.log_date, a.content_id, a.advertisement_id, a.creator_id, a.ad_views
  from rollup.ad_day a join rollup.day_generation g on g.log_date = a.log_date and g.generation = a.generation;
