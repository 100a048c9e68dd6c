-- The member count of each centroid is the number of members of its group.
WITH counted AS (
  SELECT cluster_id, count(*) AS members FROM membership GROUP BY cluster_id
), kept AS (
  SELECT cluster_id, member_count FROM centroid WHERE space_id = {active_space}
)
SELECT coalesce(kept.cluster_id, counted.cluster_id) AS cluster_id,
       coalesce(member_count, 0) AS member_count,
       coalesce(members, 0) AS members
  FROM kept FULL JOIN counted ON counted.cluster_id = kept.cluster_id
 WHERE coalesce(member_count, 0) <> coalesce(members, 0)
