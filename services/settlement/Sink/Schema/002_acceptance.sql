-- Differences between source and rollups that somebody took on himself, by name, with his reason, as the token named him. It stands for the
-- totals in it and no others.
create table settlement.acceptance (
  log_date date not null,
  attempt int not null,
  accepted_by text not null check (accepted_by <> ''),
  reason text not null check (reason <> ''),
  -- Both sides of every stream.
  difference text not null,
  accepted_at timestamptz not null,
  primary key (log_date, attempt)
);
create trigger append_only before update or delete or truncate on settlement.acceptance
  for each statement execute function settlement.refuse_change();
