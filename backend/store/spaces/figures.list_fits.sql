-- How well each member fits its group in a space: similarity to its centroid and to the nearest other one, whether it is the first
-- of its group, and size and length of the sum of the group.
SELECT kept.similarity AS own,
       coalesce(kept.runner_up_similarity, -1) AS other,
       row_number() OVER (PARTITION BY kept.cluster_id ORDER BY kept.assign_seq) = 1 AS is_first,
       centroid.member_count AS size,
       vector_norm(centroid.embedding_sum::vector) AS sum_length
  FROM membership_figures AS kept
  JOIN centroid ON centroid.space_id = kept.space_id AND centroid.cluster_id = kept.cluster_id
 WHERE kept.space_id = :space_id
