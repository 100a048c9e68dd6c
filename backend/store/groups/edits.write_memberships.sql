-- Set memberships as an edit decided them. One array element per membership. A similarity that is measured later is 0 until
-- then.
UPDATE membership
   SET cluster_id = decided.cluster_id,
       space_id = decided.space_id,
       similarity = coalesce(decided.similarity, 0),
       runner_up_cluster_id = decided.runner_up_cluster_id,
       runner_up_similarity = decided.runner_up_similarity,
       margin = decided.margin,
       threshold = decided.threshold,
       founder = decided.founder,
       assign_seq = decided.assign_seq,
       origin = decided.origin,
       event_id = decided.event_id,
       created_at = coalesce(decided.created_at, clock_timestamp()),
       decided_space_id = decided.decided_space_id,
       decided_threshold = decided.decided_threshold
  FROM unnest(
         :media_ids::uuid[], :cluster_id::bigint[], :space_id::integer[], :similarity::float8[],
         :runner_up_cluster_id::bigint[], :runner_up_similarity::float8[], :margin::float8[],
         :threshold::float8[], :founder::boolean[], :assign_seq::bigint[], :origin::text[],
         :event_id::bigint[], :created_at::timestamptz[],
         :decided_space_id::integer[], :decided_threshold::float8[])
       AS decided(media_id, cluster_id, space_id, similarity, runner_up_cluster_id, runner_up_similarity, margin,
                  threshold, founder, assign_seq, origin, event_id, created_at, decided_space_id, decided_threshold)
 WHERE membership.media_id = decided.media_id
