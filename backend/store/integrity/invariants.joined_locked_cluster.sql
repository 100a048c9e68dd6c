-- The assigner has put nothing into a group since it was locked.
SELECT membership.media_id, cluster.id AS cluster_id, cluster.locked_at, membership.created_at
  FROM cluster JOIN membership ON membership.cluster_id = cluster.id
 WHERE cluster.locked AND membership.event_id IS NULL AND membership.created_at > cluster.locked_at
