-- What kind of server it is, its memory and connections, and the size of what they have to serve: vector indexes are all of the access method hnsw.
SELECT current_setting('server_version') AS version,
       CAST(current_setting('server_version_num') AS integer) / 10000 AS major,
       pg_is_in_recovery() AS is_standby,
       CAST(current_setting('transaction_read_only') AS boolean) AS is_read_only,
       pg_size_bytes(current_setting('shared_buffers')) AS shared_buffers,
       pg_size_bytes(current_setting('effective_cache_size')) AS effective_cache_size,
       pg_size_bytes(current_setting('maintenance_work_mem')) AS maintenance_work_mem,
       CAST(current_setting('max_connections') AS integer)
         - CAST(current_setting('superuser_reserved_connections') AS integer) AS most_connections,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       (SELECT CAST(coalesce(sum(pg_relation_size(pg_class.oid)), 0) AS bigint)
          FROM pg_class JOIN pg_am ON pg_am.oid = relam
         WHERE amname = 'hnsw' AND relnamespace = current_schema()::regnamespace) AS vector_index_bytes
