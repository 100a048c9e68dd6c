-- What this transaction sees: the server, the snapshot, and whether any other transaction that begins now sees the same, since this one has
-- written nothing and has no snapshot of its own. :forbid also forbids writes from here on.
SELECT pg_current_xact_id_if_assigned() IS NULL AND current_setting('transaction_isolation') = 'read committed' AS is_plain,
       {server} AS server,
       {seen} AS snapshot
  FROM set_config('transaction_read_only', CASE WHEN CAST(:forbid AS boolean) THEN 'on' ELSE current_setting('transaction_read_only') END, true)
