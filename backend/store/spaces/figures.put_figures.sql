-- Replace the figures of all memberships by those in another space. Staged ones (without a threshold) were measured after the
-- decision, which was made in the membership's previous space or in one before that.
UPDATE membership
   SET space_id = kept.space_id,
       similarity = kept.similarity,
       runner_up_cluster_id = kept.runner_up_cluster_id,
       runner_up_similarity = kept.runner_up_similarity,
       margin = CASE
         WHEN kept.threshold IS NOT NULL THEN kept.margin
         WHEN founder THEN :threshold - kept.runner_up_similarity
         ELSE kept.similarity - greatest(:threshold, kept.runner_up_similarity) END,
       threshold = coalesce(kept.threshold, :threshold),
       decided_space_id = CASE
         WHEN kept.threshold IS NULL THEN coalesce(membership.decided_space_id, membership.space_id)
         ELSE kept.decided_space_id END,
       decided_threshold = CASE
         WHEN kept.threshold IS NULL THEN coalesce(membership.decided_threshold, membership.threshold)
         ELSE kept.decided_threshold END
  FROM membership_figures AS kept
 WHERE kept.space_id = :space_id AND kept.media_id = membership.media_id
