-- Take the next position in the upload order, under its lock. The lock comes before the number, so that numbers become visible in order.
WITH turn AS MATERIALIZED (
  SELECT set_config('idle_in_transaction_session_timeout', :idle_limit, true) AS idle_limit,
         CAST(pg_advisory_xact_lock(:lock) AS text) AS locked
)
SELECT nextval('media_upload_seq') AS upload_seq
  FROM turn
 WHERE turn.locked IS NOT NULL AND turn.idle_limit IS NOT NULL
