-- Ad views: one row per content, creator and day instead of one per advertisement. Its lines are {advertisement, ad views} pairs; an advertisement
-- may have several, whose sum counts. A chunk appends its lines; once a row has more than twice as many as after the last time, they are summed up,
-- so a row stays within about twice its smallest size and an ad view costs the same however many there are.
create table rollup.ad_content_day (
  generation    int not null,
  log_date      date not null,
  content_id    bigint not null,
  creator_id    bigint not null,
  ad_views      bigint not null check (ad_views >= 0),
  -- How many of them were updated at or after their day's cutoff.
  late_ad_views bigint not null check (late_ad_views between 0 and ad_views),
  lines         bigint[] not null check (array_ndims(lines) = 2 and array_length(lines, 2) = 2),
  -- Lines after they were last summed up.
  summed_lines  int not null,
  primary key (generation, log_date, content_id, creator_id)
) with (fillfactor = 70);
-- Trying to compress costs more than the rest of the write.
alter table rollup.ad_content_day alter column lines set storage external;

create function rollup.summed(lines bigint[]) returns bigint[] language sql immutable strict parallel safe as $$
  select array_agg(array[advertisement_id, ad_views])
  from (
    select lines[i][1] as advertisement_id, sum(lines[i][2])::bigint as ad_views
    from generate_subscripts(lines, 1) i group by 1 order by 1) s
$$;

insert into rollup.ad_content_day
select generation, log_date, content_id, creator_id, sum(ad_views), sum(late_ad_views),
  array_agg(array[advertisement_id, ad_views] order by advertisement_id), count(*)
from rollup.ad_day group by generation, log_date, content_id, creator_id;

drop view rollup.ad_daily;
drop table rollup.ad_day;

-- Per content: what is priced.
create view rollup.ad_content_daily as
  select a.log_date, a.content_id, a.creator_id, a.ad_views
  from rollup.ad_content_day a join rollup.day_generation g on g.log_date = a.log_date and g.generation = a.generation;

create view rollup.ad_daily as
  select a.log_date, a.content_id, line.advertisement_id, a.creator_id, line.ad_views
  from rollup.ad_content_day a
  join rollup.day_generation g on g.log_date = a.log_date and g.generation = a.generation
  cross join lateral (
    select a.lines[i][1] as advertisement_id, sum(a.lines[i][2])::bigint as ad_views
    from generate_subscripts(a.lines, 1) i group by 1) line;
