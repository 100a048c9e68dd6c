-- The search path of a library: its own schema, that of pgvector, and temporary tables last. The library's schema is the first of the search path
-- that has a library; else, as roles may have any path, the only one of the database that has one; else the first of the path, for a new library.
WITH libraries AS (
  SELECT nspname AS schema_name, pg_table_is_visible(pg_class.oid) AS is_visible
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
   WHERE relname = 'media_embedding' AND relkind = 'v' AND relpersistence = 'p' AND has_schema_privilege(relnamespace, 'USAGE')
), library AS (
  SELECT coalesce((SELECT schema_name FROM libraries WHERE is_visible),
                  (SELECT min(schema_name) FROM libraries HAVING count(*) = 1),
                  current_schema(),
                  'public') AS schema_name
)
SELECT concat_ws(', ', quote_ident(schema_name), quote_ident(nullif(extension_schema, schema_name)), 'pg_temp') AS search_path
  FROM library
  LEFT JOIN (SELECT nspname AS extension_schema
               FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
              WHERE extname = 'vector') AS extension ON true
