-- An account that changed hands would move what is owed without a posting.
create trigger append_only before update or delete or truncate on settlement.account
  for each statement execute function settlement.refuse_change();

-- A rate card comes into force as a whole: one that no run could read, or that grows after days were priced by it, never commits.

alter table settlement.rate_card add column xact xid8; -- the transaction that wrote it; null for those that were there before
create trigger stamp before insert on settlement.rate_card for each row execute function settlement.stamp_entry();

create function settlement.require_own_card() returns trigger language plpgsql as $$
declare
  late int;
begin
  select touched.card_id into late
  from (select distinct card_id from added) touched
  join settlement.rate_card card on card.id = touched.card_id
  where card.xact is distinct from pg_current_xact_id()
  limit 1;
  if found then
    raise exception 'rate card % is in force as it is: tiers are written in the transaction that writes their card; a correction is a later card '
      'with the same effective_from', late using errcode = 'restrict_violation';
  end if;
  return null;
end $$;
create trigger own_transaction after insert on settlement.rate_tier
  referencing new table as added for each statement execute function settlement.require_own_card();

create function settlement.check_card() returns trigger language plpgsql as $$
declare
  other text;
begin
  -- Two cards that are written at once see each other.
  lock table settlement.rate_card in share row exclusive mode;
  if not exists (select from settlement.rate_tier where card_id = new.id and from_units = 0) then
    raise exception 'rate card % has no tier from 0 units on: write card and tiers in one transaction (begin; …; commit)', new.id
      using errcode = 'check_violation';
  end if;
  select currency into other from settlement.rate_card where currency <> new.currency limit 1;
  if found then
    raise exception 'rate card % is in %, the books are in %: they hold one currency', new.id, new.currency, other using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger whole after insert on settlement.rate_card
  deferrable initially deferred for each row execute function settlement.check_card();
