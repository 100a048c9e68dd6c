-- Statements that drop everything created by migrations, in one transaction: views and functions before what they depend on.
-- Functions of other owners are not ours.
SELECT statement FROM (
  SELECT 1 AS step, format('DROP VIEW %I CASCADE', relname) AS statement FROM pg_class
   WHERE relnamespace = current_schema::regnamespace AND relkind = 'v' AND relname = 'media_embedding'
  UNION ALL
  SELECT 2, format('DROP TABLE %I CASCADE', relname) FROM pg_class
   WHERE relnamespace = current_schema::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
     AND relname = ANY (:tables)
  UNION ALL
  SELECT 3, format('DROP FUNCTION IF EXISTS %s CASCADE', pg_proc.oid::regprocedure) FROM pg_proc
   WHERE pronamespace = current_schema::regnamespace AND proowner = current_user::regrole AND prokind = 'f'
     AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
  UNION ALL
  SELECT 4, format('DROP TYPE %I', relname) FROM pg_class
   WHERE relnamespace = current_schema::regnamespace AND relkind = 'c' AND relname = 'media_match'
  UNION ALL
  SELECT 5, format('DROP SEQUENCE IF EXISTS %I', relname) FROM pg_class
   WHERE relnamespace = current_schema::regnamespace AND relkind = 'S' AND relname = ANY (:sequences)
) AS drops ORDER BY step
