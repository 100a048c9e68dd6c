-- All memberships of a space, compared with the current centroids.
SELECT membership.media_id, membership.cluster_id, membership.origin = 'auto' AS automatic, membership.similarity,
       membership.margin, membership.runner_up_cluster_id, membership.runner_up_similarity, membership.threshold,
       membership.founder,
       1 - (embedding.image_embedding <=> centroid.centroid) AS to_centroid,
       1 - (embedding.caption_embedding <=> embedding.image_embedding) AS caption_similarity
  FROM membership
  JOIN embedding ON embedding.space_id = :space_id AND embedding.media_id = membership.media_id
  JOIN centroid ON centroid.space_id = :space_id AND centroid.cluster_id = membership.cluster_id
 WHERE membership.space_id = :space_id
