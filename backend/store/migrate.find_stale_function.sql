-- A function of the library whose own search path is not that of this connection: pgvector, or the library, has been moved to another schema since.
SELECT proname
  FROM pg_proc, unnest(proconfig) AS setting
 WHERE pronamespace = current_schema()::regnamespace AND proname = ANY (:names)
   AND setting LIKE 'search_path=%' AND setting <> 'search_path=' || current_setting('search_path')
 LIMIT 1
