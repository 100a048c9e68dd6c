-- The largest tables of this schema. Partitions count separately.
SELECT relname AS name, pg_table_size(oid) AS table_bytes, pg_indexes_size(oid) AS index_bytes
  FROM pg_class
 WHERE relkind = 'r'
   AND relnamespace = current_schema()::regnamespace
 ORDER BY pg_total_relation_size(oid) DESC
 LIMIT :limit
