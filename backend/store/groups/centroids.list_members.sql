-- Members of groups that have vectors in a space, in the order of decisions.
SELECT cluster_id, media_id
  FROM membership
 WHERE cluster_id = ANY(:ids)
   AND EXISTS (SELECT FROM embedding WHERE embedding.space_id = :space AND embedding.media_id = membership.media_id)
 ORDER BY cluster_id, assign_seq
