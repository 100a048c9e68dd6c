-- Notify listeners of events, and queue a delivery for each webhook that subscribes to them.
WITH happened AS (
  SELECT unnest(CAST(:kinds AS text[])) AS kind, unnest(CAST(:bodies AS text[])) AS body
), queued AS (
  INSERT INTO webhook_delivery (webhook_id, event, body)
  SELECT webhook.id, kind, CAST(body AS jsonb)
    FROM happened
    JOIN webhook ON kind = ANY(webhook.events)
)
SELECT count(pg_notify(:channel, body)) FROM happened
