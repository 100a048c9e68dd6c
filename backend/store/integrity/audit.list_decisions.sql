-- Decisions in order, with the vectors of a space. Omits pictures without one.
SELECT media_id, cluster_id, assign_seq, coalesce(decided_space_id, membership.space_id) AS space_id,
       coalesce(decided_threshold, threshold) AS threshold, image_embedding
  FROM membership
  JOIN embedding USING (media_id)
 WHERE embedding.space_id = :space
   AND assign_seq > :after
 ORDER BY assign_seq
 LIMIT :limit
