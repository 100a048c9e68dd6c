-- Archive the figures of all memberships in the active space, for a change back to it.
INSERT INTO membership_figures (space_id, media_id, cluster_id, assign_seq, similarity, runner_up_cluster_id,
                                runner_up_similarity, margin, threshold, decided_space_id, decided_threshold)
SELECT space_id, media_id, cluster_id, assign_seq, similarity, runner_up_cluster_id, runner_up_similarity, margin,
       threshold, decided_space_id, decided_threshold
  FROM membership
 WHERE space_id = :space_id
