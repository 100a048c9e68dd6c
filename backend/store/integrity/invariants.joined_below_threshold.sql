-- No membership that the assigner decided was below its threshold when it was made. Figures that were measured in
-- another space since say nothing of that.
SELECT media_id, cluster_id, similarity, threshold
  FROM membership
 WHERE origin = 'auto' AND event_id IS NULL AND NOT founder AND similarity < threshold
   AND decided_space_id IS NULL
