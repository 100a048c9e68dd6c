-- No automatic membership was below its threshold when it was made.
SELECT media_id, cluster_id, similarity, threshold
  FROM membership
 WHERE origin = 'auto' AND NOT founder AND similarity < threshold
