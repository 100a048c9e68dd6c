-- The member nearest to the centroid of each group. The addition keeps the planner from an approximate index, which would search
-- the nearest pictures of all groups first.
SELECT wanted.cluster_id, nearest.media_id
FROM unnest(CAST(:ids AS bigint[])) AS wanted (cluster_id)
JOIN centroid ON centroid.space_id = :space AND centroid.cluster_id = wanted.cluster_id
CROSS JOIN LATERAL (
    SELECT membership.media_id
    FROM membership
    JOIN embedding ON embedding.space_id = :space AND embedding.media_id = membership.media_id
    WHERE membership.cluster_id = wanted.cluster_id
    ORDER BY (embedding.image_embedding <=> centroid.centroid) + 0, membership.assign_seq
    LIMIT 1
) AS nearest
