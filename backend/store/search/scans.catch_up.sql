-- Rows that became visible in the active space since a snapshot: their writers had not begun then (from next_id on) or were in
-- progress. The index on written_by serves both conditions. The upper end excludes ids of another server from a restored dump, since
-- no visible writer has such an id. Returns one row without a picture if nothing is new. is_plain: the transaction has written
-- nothing itself, and each of its statements sees what is committed by then.
SELECT space.id AS space_id,
       {seen} AS snapshot,
       {server} AS server,
       pg_current_xact_id_if_assigned() IS NULL AND current_setting('transaction_isolation') = 'read committed' AS is_plain,
       fresh.media_id,
       fresh.written_by,
       fresh.image_embedding,
       fresh.text_embedding
  FROM space
  LEFT JOIN LATERAL (
    SELECT e.media_id, e.written_by, e.image_embedding, e.text_embedding
      FROM embedding e
     WHERE e.space_id = :space_id
       AND (e.written_by >= :next_id OR e.written_by = ANY(:in_progress::bigint[]))
       AND e.written_by < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
     LIMIT :most
  ) AS fresh ON space.id = :space_id
 WHERE space.id = {active_space}
