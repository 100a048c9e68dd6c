-- No membership that the assigner decided was below its threshold when it was made.
SELECT media_id, cluster_id, similarity, threshold
  FROM membership
 WHERE origin = 'auto' AND event_id IS NULL AND NOT founder AND similarity < threshold
