-- Notify listeners of events, and queue a delivery for each webhook that subscribes to them.
WITH happened AS (
  SELECT unnest(CAST(:kinds AS text[])) AS kind, unnest(CAST(:bodies AS text[])) AS body
), heard AS (
  -- One that is deleted now would break this transaction, which is somebody else's.
  SELECT id, events FROM webhook FOR KEY SHARE
), queued AS (
  INSERT INTO webhook_delivery (webhook_id, event, body)
  SELECT heard.id, kind, CAST(body AS jsonb)
    FROM happened
    JOIN heard ON kind = ANY(heard.events)
)
SELECT count(pg_notify(:channel, body)) FROM happened
