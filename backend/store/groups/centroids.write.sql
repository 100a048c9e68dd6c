-- Insert or replace the centroid of a group in a space.
INSERT INTO centroid (space_id, cluster_id, embedding_sum, member_count, centroid)
VALUES (:space, :cluster, :sum, :count, :unit)
ON CONFLICT (space_id, cluster_id) DO UPDATE
   SET embedding_sum = excluded.embedding_sum, member_count = excluded.member_count, centroid = excluded.centroid
