-- Memberships in groups, in the order of decisions. Columns as in MembershipState.
SELECT media_id, cluster_id, space_id, similarity, runner_up_cluster_id, runner_up_similarity, margin, threshold,
       founder, assign_seq, origin, event_id, created_at, decided_space_id, decided_threshold
  FROM membership
 WHERE cluster_id = ANY(:ids::bigint[])
 ORDER BY assign_seq
