-- Groups of which the machine chooses something, with a hash of their members that does not depend on their order:
-- those that are asked for, or else those whose members are not the ones that the label was made from.
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
