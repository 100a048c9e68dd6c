-- A block of staged members without a runner-up, by id.
SELECT kept.media_id, kept.cluster_id, embedding.image_embedding
  FROM membership_figures AS kept
  JOIN embedding ON embedding.space_id = kept.space_id AND embedding.media_id = kept.media_id
 WHERE kept.space_id = :space_id
   AND kept.threshold IS NULL
   AND kept.runner_up_similarity IS NULL
   AND kept.media_id > :after
 ORDER BY kept.media_id
 LIMIT :limit
