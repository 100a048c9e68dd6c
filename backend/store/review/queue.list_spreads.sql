-- Some members of each group with their cosines to its centroid as it is now.
SELECT asked.id AS cluster_id, 1 - (embedding.image_embedding <=> centroid.centroid) AS similarity
  FROM unnest(CAST(:cluster_ids AS bigint[])) AS asked (id)
  JOIN centroid ON centroid.cluster_id = asked.id
   AND centroid.space_id = {active_space}
 CROSS JOIN LATERAL (
       SELECT membership.media_id FROM membership WHERE membership.cluster_id = asked.id LIMIT :each) AS member
  JOIN embedding ON embedding.space_id = centroid.space_id AND embedding.media_id = member.media_id
