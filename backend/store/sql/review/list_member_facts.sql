-- Every membership of a space, measured against the centroid as it is now.
SELECT membership.media_id, membership.cluster_id, membership.origin = 'auto' AS is_auto, membership.similarity, membership.margin,
       membership.runner_up_cluster_id, membership.runner_up_similarity, membership.threshold, membership.founder,
       1 - (embedding.image_embedding <=> centroid.centroid) AS fit,
       1 - (embedding.caption_embedding <=> embedding.image_embedding) AS caption_fit
  FROM membership
  JOIN embedding ON embedding.space_id = %(space_id)s AND embedding.media_id = membership.media_id
  JOIN centroid ON centroid.space_id = %(space_id)s AND centroid.cluster_id = membership.cluster_id
 WHERE membership.space_id = %(space_id)s
