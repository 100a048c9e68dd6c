-- Queue pictures for filled spaces that meet a condition on `space_fill` and `new` ({which}). Waiting and failed items start again,
-- and a worker that holds one loses it.
INSERT INTO space_fill_item (space_id, media_id)
SELECT space_fill.space_id, new.id
  FROM space_fill, unnest(CAST(:ids AS uuid[])) AS new (id)
 WHERE {which}
ON CONFLICT (space_id, media_id) DO UPDATE
   SET attempts = 0, lease_token = NULL, lease_until = NULL, next_attempt_at = now(), error_code = NULL, error_detail = NULL
