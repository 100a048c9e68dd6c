-- Groups whose centroid in this space, or whose members' figures, do not match the current members.
WITH present AS (
  SELECT membership.media_id, membership.cluster_id, membership.assign_seq
    FROM membership
    JOIN embedding ON embedding.space_id = :space_id AND embedding.media_id = membership.media_id
), kept AS (
  SELECT media_id, cluster_id, assign_seq FROM membership_figures WHERE space_id = :space_id
), differing AS (
  SELECT present.cluster_id AS present_cluster, kept.cluster_id AS kept_cluster
    FROM present FULL JOIN kept
      ON kept.media_id = present.media_id
     AND kept.cluster_id = present.cluster_id
     AND kept.assign_seq = present.assign_seq
   WHERE present.media_id IS NULL OR kept.media_id IS NULL
)
SELECT present_cluster AS cluster_id FROM differing WHERE present_cluster IS NOT NULL
UNION
SELECT kept_cluster FROM differing WHERE kept_cluster IS NOT NULL
UNION
SELECT cluster_id FROM present
 WHERE NOT EXISTS (
   SELECT FROM centroid WHERE centroid.space_id = :space_id AND centroid.cluster_id = present.cluster_id)
UNION
SELECT cluster_id FROM centroid
 WHERE space_id = :space_id AND NOT EXISTS (SELECT FROM present WHERE present.cluster_id = centroid.cluster_id)
ORDER BY cluster_id
