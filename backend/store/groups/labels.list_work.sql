-- Groups whose label or representative is automatic, with an order-independent hash of their members: the given ones, or those
-- whose members differ from those that the label was made from.
SELECT cluster.id AS cluster_id, held.members
FROM (
    SELECT cluster_id, bit_xor(uuid_hash_extended(media_id, 0)) AS members
    FROM membership
    WHERE space_id = :space
    GROUP BY cluster_id
) AS held
JOIN cluster ON cluster.id = held.cluster_id
WHERE (label_origin = 'auto' OR representative_origin = 'auto')
  AND CASE
    WHEN CAST(:only AS bigint[]) IS NULL THEN labelled_members IS DISTINCT FROM held.members
    ELSE cluster.id = ANY(CAST(:only AS bigint[]))
  END
ORDER BY cluster.id
