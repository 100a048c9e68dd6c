-- Tables, views and sequences by name, without partitions, sequences of columns, and what belongs to extensions or Postgres.
SELECT CASE WHEN nspname = current_schema THEN relname::text ELSE nspname || '.' || relname END AS name
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
 WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT relispartition
   AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_(toast|temp)'
   AND NOT EXISTS (SELECT FROM pg_depend
                    WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('e', 'i', 'a'))
