-- Set the similarity of members to that with their current centroid.
UPDATE membership
   SET similarity = 1 - (embedding.image_embedding <=> centroid.centroid)
  FROM embedding, centroid
 WHERE membership.media_id = ANY(:media_ids::uuid[])
   AND embedding.space_id = :space_id AND embedding.media_id = membership.media_id
   AND centroid.space_id = :space_id AND centroid.cluster_id = membership.cluster_id
