-- Insert the assigner's decisions. One array element per membership.
INSERT INTO membership (media_id, cluster_id, space_id, similarity, runner_up_cluster_id, runner_up_similarity, margin,
                        threshold, founder, assign_seq)
SELECT media_id, cluster_id, :space_id, similarity, runner_up, runner_up_similarity, margin, :threshold, founder, assign_seq
  FROM unnest(CAST(:media_ids AS uuid[]), CAST(:cluster_ids AS bigint[]), CAST(:similarities AS double precision[]),
              CAST(:runners_up AS bigint[]), CAST(:runner_up_similarities AS double precision[]),
              CAST(:margins AS double precision[]), CAST(:founders AS boolean[]), CAST(:sequence AS bigint[]))
       AS decided(media_id, cluster_id, similarity, runner_up, runner_up_similarity, margin, founder, assign_seq)
