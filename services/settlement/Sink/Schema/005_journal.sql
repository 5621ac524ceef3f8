-- The days' journals as Marten's event streams (settlement.mt_events): a stream for each day, named by its date. The table that held them until now
-- moves over with its versions and times, and a view takes its place.

alter table settlement.day_event rename to day_event_moved;

insert into settlement.mt_streams (id, version, timestamp, created)
select to_char(log_date, 'YYYY-MM-DD'), max(version), max(happened_at), min(happened_at)
from settlement.day_event_moved group by log_date;

-- In the order in which it was written, as far as that is known: several days may have happened at one moment.
insert into settlement.mt_events (seq_id, id, stream_id, version, data, type, timestamp, mt_dotnet_type)
select nextval('settlement.mt_events_sequence'), gen_random_uuid(), to_char(log_date, 'YYYY-MM-DD'), version, data, type, happened_at,
  'StreamSettlement.Settlement.Core.' || type || ', StreamSettlement.Settlement'
from (select * from settlement.day_event_moved order by happened_at, log_date, version) moved;

create trigger append_only before update or delete or truncate on settlement.mt_events
  for each statement execute function settlement.refuse_change();

-- For anyone: what the table of this name showed.
create view settlement.day_event as
select stream_id::date as log_date, version::int as version, type::text as type, data, timestamp as happened_at
from settlement.mt_events;

-- Whoever may read the table may read the view.
do $$
declare
  reader text;
begin
  for reader in
    select case when acl.grantee = 0 then 'public' else quote_ident(role.rolname) end
    from pg_class moved
    cross join aclexplode(moved.relacl) acl
    left join pg_roles role on role.oid = acl.grantee
    where moved.oid = 'settlement.day_event_moved'::regclass and acl.privilege_type = 'SELECT' and acl.grantee <> moved.relowner
  loop
    execute format('grant select on settlement.day_event to %s', reader);
  end loop;
end $$;

drop table settlement.day_event_moved;
