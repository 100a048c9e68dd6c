-- Stage figures for members of groups that have none: the similarity to the current centroid.
INSERT INTO membership_figures (space_id, media_id, cluster_id, assign_seq, similarity)
SELECT :space_id, membership.media_id, membership.cluster_id, membership.assign_seq,
       1 - (embedding.image_embedding <=> centroid.centroid)
  FROM membership
  JOIN embedding ON embedding.space_id = :space_id AND embedding.media_id = membership.media_id
  JOIN centroid ON centroid.space_id = :space_id AND centroid.cluster_id = membership.cluster_id
 WHERE membership.cluster_id = ANY(:cluster_ids)
ON CONFLICT (space_id, media_id) DO NOTHING
