-- The source schema. The video platform owns it; Stream Settlement only reads it.
-- Works on MySQL 8.0, 8.4 and 9, also with sql_require_primary_key, and on MariaDB 10.11.

create table if not exists member (
  id         bigint unsigned not null auto_increment primary key,
  nickname   varchar(100)    not null,
  created_at datetime(6)     not null default current_timestamp(6)
) engine = InnoDB;

create table if not exists content_post (
  id               bigint unsigned not null auto_increment primary key,
  creator_id       bigint unsigned not null,
  title            varchar(200)    not null,
  duration_seconds int             not null,
  created_at       datetime(6)     not null default current_timestamp(6),
  constraint content_post_creator foreign key (creator_id) references member (id)
) engine = InnoDB;

create table if not exists advertisement (
  id         bigint unsigned not null auto_increment primary key,
  title      varchar(200)    not null,
  advertiser varchar(200)    not null,
  created_at datetime(6)     not null default current_timestamp(6)
) engine = InnoDB;

-- A row may change until it is COMPLETED; a COMPLETED row's facts never change again.
-- log_date is the platform's business date; updated_at is assigned by the server alone.
create table if not exists daily_member_view_log (
  id                    bigint unsigned not null auto_increment primary key,
  member_id             bigint unsigned not null,
  content_post_id       bigint unsigned not null,
  log_date              date            not null,
  watch_seconds         int             not null,
  last_position_seconds int             not null,
  status                enum ('IN_PROGRESS', 'PAUSED', 'COMPLETED') not null,
  created_at            datetime(6)     not null default current_timestamp(6),
  updated_at            datetime(6)     not null default current_timestamp(6) on update current_timestamp(6),
  key daily_member_view_log_updated (updated_at, id),
  key daily_member_view_log_day (log_date, status)
) engine = InnoDB;

create table if not exists ad_view_log (
  id               bigint unsigned not null auto_increment primary key,
  member_id        bigint unsigned not null,
  content_post_id  bigint unsigned not null,
  advertisement_id bigint unsigned not null,
  log_date         date            not null,
  created_at       datetime(6)     not null default current_timestamp(6),
  updated_at       datetime(6)     not null default current_timestamp(6) on update current_timestamp(6),
  key ad_view_log_updated (updated_at, id),
  key ad_view_log_day (log_date)
) engine = InnoDB;
