-- Lock the groups to label, unless another transaction holds them. `nearest` is null if it is no longer a member.
SELECT
    cluster.id,
    cluster.label,
    cluster.label_origin,
    cluster.representative_media_id,
    cluster.representative_origin,
    (
        SELECT media_id
        FROM membership
        WHERE membership.media_id = wanted.nearest AND membership.cluster_id = cluster.id
    ) AS nearest
FROM unnest(CAST(:ids AS bigint[]), CAST(:nearest AS uuid[])) AS wanted (id, nearest)
JOIN cluster ON cluster.id = wanted.id
ORDER BY cluster.id
FOR NO KEY UPDATE OF cluster SKIP LOCKED
