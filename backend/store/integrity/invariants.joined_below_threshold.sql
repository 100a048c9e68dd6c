-- No decision of the assigner was below its threshold. Figures measured later in another space do not count.
SELECT media_id, cluster_id, similarity, threshold
  FROM membership
 WHERE origin = 'auto' AND event_id IS NULL AND NOT founder AND similarity < threshold
   AND decided_space_id IS NULL
