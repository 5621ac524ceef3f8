#!/bin/bash
# Run once by the MySQL image: the user that ingest reads with. PROCESS shows open transactions and running statements of
# others (the horizon needs them); it may change nothing.
set -euo pipefail
mysql --user=root --password="$MYSQL_ROOT_PASSWORD" <<SQL
create user if not exists 'ingest'@'%' identified by '${INGEST_PASSWORD//\'/\'\'}';
grant select on \`$MYSQL_DATABASE\`.* to 'ingest'@'%';
grant process on *.* to 'ingest'@'%';
SQL
